-- Too little memory is an error, and nothing waits for it for ever. Each in a process whose addresses are limited.
local shell = dofile "spec/scripts/shell.lua"

local PRODUCT = "local x = gl.ones(400, 400) print(x:matmul(x):sum():item()) "

-- Runs a program that may use so many KiB; ends it after ten seconds.
local function limited(kilobytes, text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write('local gl = require "genlat" ', text)
  file:close()
  local output, errors, status = shell.run(("ulimit -v %d; export OMP_NUM_THREADS=2 %s"):format(kilobytes,
    shell.lua(name):gsub("'([^']*lua[^']*)' (%S+)%s*$", "; timeout 10 '%1' %2")))
  os.remove(name)
  return output, errors, status
end

-- The addresses that a process has at the least, in KiB, with what OpenBLAS needs for one thread.
local function least()
  local output = limited(4e6, [[
    for line in io.lines "/proc/self/status" do print(line:match "^VmPeak:%s*(%d+)" or "") end]])
  return tonumber(output:match "%d+")
end

-- The sanitizers reserve terabytes, and no limit can be set for them.
local there = not package.cpath:find "asan" and io.open "/proc/self/status"
if there then
  there:close()

  describe("too few addresses", function()
    it("for OpenBLAS are an error when genlat is loaded", function()
      local output, errors, status = limited(least() - 64 * 1024, PRODUCT)
      assert.equal("", output)
      assert.matches("genlat: the system refuses the 128 MiB of addresses that OpenBLAS needs %(ulimit %-v ", errors)
      assert.equal(1, status)
    end)

    it("for a second thread leave one, which does the same", function()
      for more = 8, 256, 62 do
        local output, errors, status = limited(least() + more * 1024, PRODUCT)
        assert.same({"64000000.0\n", "", 0}, {output, errors, status})
      end
    end)

    it("are left for other things than a second thread that nobody asked for", function()
      local output = limited(least() + 330 * 1024, PRODUCT .. "print(pcall(gl.zeros, 50 << 20))")
      assert.matches("^64000000.0\ntrue", output)
    end)

    it("for threads that are asked for are an error", function()
      local output = limited(least() + 64 * 1024, "print(pcall(gl.threads, 2)) print(gl.threads(1)) " .. PRODUCT)
      assert.matches("^false\t.*: threads: the system has no memory for 2 threads: each needs a stack, and 128 MiB of "
        .. "addresses for OpenBLAS\n1\n64000000.0\n$", output)
    end)
  end)
end

describe("more threads than OpenBLAS can serve", function()
  it("do the same as fewer", function()
    local gl = require "genlat"
    local before = gl.threads()
    gl.seed(1)
    local x = gl.randn(1024, 64)
    local y = x:matmul(x:t())
    gl.threads(1024)
    local z = x:matmul(x:t())
    gl.threads(before)
    assert.is_true((y - z):abs():max():item() < 1e-4)
  end)
end)
