-- run.lua: busted, in the Lua that runs this file (the system's `busted` may be for another one).
require "busted.runner" {standalone = false}
