-- What a training loop asks the system: time, interrupts, the terminal, memory.

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

  describe("interrupts", function()
    it("only set a flag once they are caught", function()
      local output, how, status = run [[
        core.catch_interrupt()
        io.write(tostring(core.interrupted()), " ")
        signal "INT"
        io.write(tostring(core.interrupted()), " ")
        core.catch_interrupt()
        io.write(tostring(core.interrupted()), " ")
        signal "TERM"
        print(core.interrupted())]]
      assert.equal("false true false true\n", output)
      assert.same({ "exit", 0 }, { how, status })
    end)

    it("end the program the second time", function()
      for name, number in pairs { INT = 2, TERM = 15 } do
        local code = ("core.catch_interrupt() signal %q print 'once' io.stdout:flush() signal %q print 'twice'")
          :format(name, name)
        assert.same({ "once\n", "signal", number }, { run(code) })
      end
    end)

    it("do again what they did when they are released", function()
      assert.same({ "false\n", "signal", 15 }, { run [[
        core.catch_interrupt()
        signal "TERM"
        core.release_interrupt()
        core.release_interrupt()
        print(core.interrupted())
        io.stdout:flush()
        signal "TERM"
        print "alive"]] })
    end)

    it("stay ignored where the program was started so", function()
      -- SIGTERM, since the lua program itself sets what SIGINT does
      assert.same({ "false\n", "exit", 0 }, { run("core.catch_interrupt() signal 'TERM' print(core.interrupted())",
                                                  "trap '' TERM;") })
    end)
  end)
end)
