-- host.lua: host.c, built when it is first asked for: a program that has Lua inside.
--
--   local one = host.state()                   -- a state of its own, which finds genlat where this one does
--   one:run 'return require("genlat").rand(1):item()'
--   one:elsewhere "return 1"                   -- in another thread
--   host.threads(code, code)                   -- each in a thread and a state of its own
--   host.fork(function() return 1 end)         -- in a child process
--   host.chdir "/tmp", host.raise(15)          -- what Lua's own library cannot do

local MAKE = "env -u MAKEFLAGS -u MAKELEVEL make -s OUT=build/spec build/spec/host.so"

assert(os.execute(MAKE), "spec/support/host.c cannot be built")
return assert(package.loadlib("build/spec/host.so", "luaopen_host"))()
