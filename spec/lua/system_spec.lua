-- What a training loop asks the system: time, the terminal, memory.

local core = require("genlat").core

local interpreter = 0
while arg[interpreter - 1] do interpreter = interpreter - 1 end

-- Runs Lua code in a process of its own, after a shell command such as "trap"; returns its output and how it ended.
local function run(code, before)
  local script = os.tmpname()
  local f = assert(io.open(script, "w"))
  f:write(("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath),
          'local core = require("genlat").core\n',
          -- not os.execute: it ignores SIGINT while it waits
          "local function signal(name) io.popen('kill -' .. name .. ' $PPID'):close() end\n", code)
  f:close()
  local pipe = assert(io.popen(("%s exec '%s' '%s'"):format(before or "", arg[interpreter], script)))
  local output = pipe:read("a")
  local _, how, number = pipe:close()
  os.remove(script)
  return output, how, number
end

describe("system", function()
  it("has a clock that goes forward in seconds", function()
    local before = core.clock()
    os.execute("sleep 0.05")
    local seconds = core.clock() - before
    assert.is_true(seconds >= 0.05 and seconds < 5)
  end)

  it("knows the memory that the process has", function()
    local now, peak = core.rss()
    assert.equal("integer", math.type(now))
    assert.is_true(now > 1e6 and peak > 1e6 and peak < 1e12)
  end)

  it("knows what is a terminal", function()
    assert.equal("false\tnil\tnil\n", (run("print(core.isatty(2), core.terminal_width())", "exec 2>/dev/null;")))
    assert.has_error(function() core.isatty("x") end)
  end)
end)
