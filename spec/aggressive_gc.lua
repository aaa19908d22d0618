-- aggressive_gc.lua: busted's helper for `make check-asan`. Lua's collector never rests, so that what is used after it
-- was collected shows; and the run ends with a look for leaks.

local busted = require "busted"
local leaks = require "leaks"

collectgarbage("incremental", 1, 1000)

busted.subscribe({"exit"}, function()
  collectgarbage()
  if leaks.check() then
    io.stderr:write("genlat leaks memory\n")
    os.exit(1)
  end
  return nil, true
end)
