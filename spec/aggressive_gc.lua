-- aggressive_gc.lua: busted's helper for `make check-asan`. Lua's collector runs whenever the heap has grown by 1 % and
-- after each spec, so that what is used after it was collected shows; and the run ends with a look for leaks.

local busted = require "busted"
local leaks = require "leaks"

collectgarbage("generational", 1, 100)

busted.subscribe({"test", "end"}, function()
  collectgarbage()
  return nil, true
end)

busted.subscribe({"exit"}, function()
  collectgarbage()
  if leaks.check() then
    io.stderr:write("genlat leaks memory\n")
    os.exit(1)
  end
  return nil, true
end)
