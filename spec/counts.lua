-- counts.lua: busted's plain report, and its counts in a file for parallel.lua: `-o spec/counts.lua -Xoutput FILE`.

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.plainTerminal"(options)
  local path = table.concat(options.arguments, ",") -- busted has split it at the commas
  busted.subscribe({"suite", "end"}, function()
    local file = assert(io.open(path, "w"))
    file:write(("%d %d %d %d %f\n"):format(handler.successesCount, handler.failuresCount, handler.errorsCount,
      handler.pendingsCount, handler.getDuration()))
    assert(file:close())
    return nil, true
  end)
  return handler
end
