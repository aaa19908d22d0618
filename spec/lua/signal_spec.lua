-- Signals that end programs, in processes of their own.

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
  local pipe = assert(io.popen(("%s exec '%s' '%s' 2>&1"):format(before or "", arg[interpreter], script)))
  local output = pipe:read("a")
  local _, how, number = pipe:close()
  os.remove(script)
  return output, how, number
end

local NUMBERS = {HUP = 1, INT = 2, TERM = 15}

describe("signals that are asked for", function()
  it("only say who came", function()
    local output, how, status = run [[
      core.catch_interrupt()
      io.write(tostring(core.interrupted()), " ")
      for _, name in ipairs {"INT", "TERM", "HUP"} do
        signal(name)
        io.write(core.interrupted(), " ")
        core.catch_interrupt()
      end
      for _, name in ipairs {"XCPU", "XFSZ"} do
        signal(name)
        io.write(core.interrupted(), " ")
        signal(name) -- a limit's, which comes again and again
        core.catch_interrupt()
      end
      print(core.interrupted())]]
    assert.equal("false 2 15 1 24 25 false\n", output)
    assert.same({"exit", 0}, {how, status})
  end)

  it("end the program the second time, also where it is another one", function()
    for first in pairs(NUMBERS) do
      for second, number in pairs(NUMBERS) do
        local code = ("core.catch_interrupt() signal %q print 'once' io.stdout:flush() signal %q print 'twice'")
          :format(first, second)
        assert.same({"once\n", "signal", number}, {run(code)})
      end
    end
  end)

  it("do again what they did when they are released", function()
    assert.same({"false\n", "signal", 15}, {run [[
      core.catch_interrupt()
      signal "TERM"
      core.release_interrupt()
      core.release_interrupt()
      print(core.interrupted())
      io.stdout:flush()
      signal "TERM"
      print "alive"]]})
  end)

  it("stay ignored where the program was started so, as by nohup", function()
    -- not SIGINT, since the lua program itself sets what that does
    for _, name in ipairs {"TERM", "HUP"} do
      for _, mode in ipairs {"core.catch_interrupt()", "core.raise_on_signal(true)"} do
        local code = ("%s signal '%s' signal '%s' print(core.interrupted())"):format(mode, name, name)
        assert.same({"false\n", "exit", 0}, {run(code, ("trap '' %s;"):format(name))})
      end
    end
  end)

  it("come through a thread of a parallel region as well", function()
    local output = run [[
      core.threads(2)
      core.catch_interrupt()
      local child = io.popen "sleep 0.1; kill -TERM $PPID"
      local x = core.randn(300, 300)
      while not core.interrupted() do x = (x:matmul(x) * 1e-3):tanh() end
      print "ended"]]
    assert.equal("ended\n", output)
  end)
end)

describe("train.main", function()
  local function main(body, before, after)
    return run(("require('genlat').train.main(function() %s end) %s"):format(body, after or "print 'went on'"), before)
  end

  it("ends with 128 and the signal's number, after closing what was open", function()
    local words = {HUP = "SIGHUP", INT = "Ctrl-C", TERM = "SIGTERM"}
    for name, number in pairs(NUMBERS) do
      local output, how, status = main(([[
        local file <close> = setmetatable({}, {__close = function() print "closed" io.stdout:flush() end})
        signal %q
        while true do end]]):format(name))
      assert.equal("closed\nstopped by " .. words[name] .. "\n", output)
      assert.same({"exit", 128 + number}, {how, status})
    end
  end)

  it("is not kept alive by code that catches errors", function()
    local output, how, status = main [[
      signal "TERM"
      while true do pcall(function() while true do end end) end]]
    assert.same({"stopped by SIGTERM\n", "exit", 143}, {output, how, status})
  end)

  it("ends so where the error was taken for another one", function()
    local output, how, status = main [[
      local ok, message = pcall(function() signal "TERM" while true do end end)
      error("a file: " .. tostring(message), 0)]]
    assert.same({"stopped by SIGTERM\n", "exit", 143}, {output, how, status})
    assert.same({"interrupted!\nstopped by SIGTERM\n", "exit", 143}, {main [[
      print(select(2, pcall(function() signal "TERM" while true do end end)))]]})
  end)

  it("is ended at once by a second signal, wherever it is", function()
    local _, how, status = main [[
      local file <close> = setmetatable({}, {__close = function() signal "HUP" end})
      signal "TERM"
      while true do end]]
    assert.same({"signal", 1}, {how, status})
  end)

  it("raises after the training what came in its last step", function()
    local output, _, status = main [[
      core.catch_interrupt()
      signal "TERM"
      print(core.interrupted())
      core.release_interrupt()
      print "no more"]]
    assert.same({"15\nstopped by SIGTERM\n", 143}, {output, status})
  end)

  it("ends where it waits for a line", function()
    local output, _, status = main([[
      io.popen "sleep 0.05; kill -INT $PPID"
      print(io.read())]], "sleep 0.5 |")
    assert.same({"stopped by Ctrl-C\n", 130}, {output, status})
  end)

  it("leaves the signals as they were", function()
    local output, how, status = main("", "")
    assert.same({"went on\n", "exit", 0}, {output, how, status})
    assert.same({"", "signal", 15}, {main("", "", "signal 'TERM' while true do end")})
  end)

  it("reports processor time that is used up", function()
    local output, _, status = main "signal 'XCPU' while true do end"
    assert.same({"stopped by SIGXCPU: its processor time is used up (ulimit -t)\n", 152}, {output, status})
  end)

  it("reports a file beyond the limit of its size, and leaves the one that is there", function()
    local name = os.tmpname()
    local output, _, status = main(([[
      local gl = require "genlat"
      assert(core.write_file(%q, "whole"))
      gl.train.check(core.write_file(%q, ("x"):rep(10^6)))]]):format(name, name), "ulimit -f 8;")
    assert.equal(153, status)
    assert.equal("stopped by SIGXFSZ: a file would be larger than the limit (ulimit -f)\n", output)
    local file <close> = assert(io.open(name))
    assert.equal("whole", file:read "a")
    os.remove(name)
  end)
end)

describe("execute", function()
  local core = require("genlat").core

  it("says how the command ended, as os.execute does", function()
    for _, command in ipairs {"true", "exit 3", "kill -TERM $$"} do
      assert.same({os.execute(command)}, {core.execute(command)})
    end
  end)

  it("passes a signal on, and ends with it", function()
    local code = [[require("genlat").train.main(function()
      core.execute "trap 'echo passed; exit 1' TERM; kill -TERM $PPID; while :; do sleep 0.01; done"
      while true do end
    end)]]
    assert.same({"passed\nstopped by SIGTERM\n", "exit", 143}, {run(code)})
  end)
end)
