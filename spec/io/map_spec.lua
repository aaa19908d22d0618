-- Tensors whose values are a file's.

local gl = require "genlat"
local folder = require "spec.io.folder"

local core = gl.core

describe("map_file", function()
  local place
  before_each(function() place = folder.new() end)
  after_each(function() place:remove() end)

  local function live()
    collectgarbage()
    collectgarbage()
    return gl.memory().live
  end

  it("has the values of the file, from any place in it", function()
    local bytes = {}
    for i = 1, 20000 do bytes[i] = string.char(i * 7 % 251) end
    local path = place:write("f", table.concat(bytes))
    for _, offset in ipairs {0, 1, 4095, 4096, 4097, 19994} do
      local t = assert(core.map_file(path, offset, {2, 3}))
      assert.same({"uint8", {2, 3}}, {t.dtype, t.shape})
      local expected = {}
      for i = 1, 6 do expected[i] = (offset + i) * 7 % 251 end
      assert.same(expected, t:flatten():totable())
    end
  end)

  it("is no memory of genlat's, and is given back with its last view", function()
    local path = place:write("f", ("x"):rep(8 << 20))
    local function mappings()
      local count = 0
      for line in io.lines "/proc/self/maps" do
        if line:find(path, 1, true) then count = count + 1 end
      end
      return count
    end
    local before = live()
    local t = assert(core.map_file(path, 100, {4 << 20}))
    assert.is_true(live() - before < 1000)
    local there = core.file_kind "/proc/self/maps"
    assert.equal(1, there and mappings() or 1)
    local part = t[{{1, 10}}]
    t = nil
    collectgarbage()
    assert.equal(1, there and mappings() or 1, t)
    assert.equal(("x"):byte(), part[3]:item())
    part = nil
    assert.equal(before, live(), part)
    assert.equal(0, there and mappings() or 0)
  end)

  it("cannot be changed, its clone can", function()
    local t = core.map_file(place:write("f", "abcdef"), 0, {2, 3})
    local function refused(f)
      assert.error_matches(f, "is a file in memory, which cannot be changed: clone it first")
    end
    refused(function() t[1] = 0 end)
    refused(function() t[{2, {1, 2}}] = gl.zeros(2) end)
    refused(function() t:reshape(6)[3] = 1 end)
    for name, op in pairs(gl.ops) do -- whatever changes its argument changes floats only
      if op.in_place then assert.has_error(function() t[name](t, 1) end) end
    end
    local c = t:clone()
    c[1] = 0
    assert.same({{0, 0, 0}, {100, 101, 102}}, c:totable())
    assert.equal("abcdef", place:read "f")
  end)

  it("gives batches", function()
    local t = core.map_file(place:write("f", "\0\255\51\102"), 0, {2, 2})
    local x = core.batch(t, gl.tensor {2, 1}, 1, 2)
    assert.is_true((x - gl.tensor {{0.2, 0.4}, {0, 1}}):abs():max():item() < 1e-6)
  end)

  it("stays when the file is replaced or removed", function()
    local path = place:write("f", "abc")
    local t = core.map_file(path, 0, {3})
    assert(core.write_file(path, "xyz"))
    os.remove(path)
    assert.same({97, 98, 99}, t:totable())
  end)

  it("is refused where the file is too short, missing or no file", function()
    local path = place:write("f", "abcdef")
    local function refused(pattern, ...)
      local t, message = core.map_file(...)
      assert.is_nil(t)
      assert.matches(pattern, message)
    end
    refused("truncated: 7 bytes at 0 expected, the file has 6", path, 0, {7})
    refused("truncated: 2x2 bytes at 3 expected, the file has 6", path, 3, {2, 2})
    refused("truncated", path, 7, {1})
    refused("truncated", path, -1, {1})
    refused("truncated", path, math.maxinteger, {1})
    refused("truncated", path, 0, {1 << 40, 1 << 16})
    refused("too large", path, 0, {1 << 40, 1 << 40})
    refused("cannot be opened: No such file", place:path "none", 0, {1})
    refused("is a folder, not a file", place.name, 0, {1})
    refused("sizes are at least 1", path, 0, {2, 0})
    assert.has_error(function() core.map_file(path, 0.5, {1}) end)
  end)

  it("fails as a whole when any one allocation fails", function()
    local path = place:write("f", "abcdef")
    local before, failures = live(), 0
    local t, message
    repeat
      core.memory_fail_after(failures)
      t, message = core.map_file(path, 0, {6})
      core.memory_fail_after(-1)
      if not t then
        failures = failures + 1
        assert.matches("f: out of memory", message)
        assert.equal(before, live())
      end
    until t
    assert.equal(2, failures)
  end)
end)

describe("a mapped file that is changed", function()
  local place
  before_each(function() place = folder.new() end)
  after_each(function() place:remove() end)

  local SIZE, COUNT = 100 * 100, 400 -- 4 MB

  -- Runs code on `t`, which is mapped from the file `f` (COUNT images of SIZE bytes), in a process of its own: it may
  -- be killed; `cut(bytes)` cuts the file.
  local function run(code)
    place:write("f", ("x"):rep(SIZE * COUNT))
    return place:run("", ([[
      local core, path, SIZE, COUNT = gl.core, %q, %d, %d
      local t = assert(core.map_file(path, 0, {COUNT, 100, 100, 1}))
      local CUT = "dd if=/dev/null of='%%s' bs=1 seek=%%d 2>/dev/null"
      local function cut(bytes) assert(os.execute(CUT:format(path, bytes))) end
      local function says(f, ...)
        local ok, value, message = pcall(f, ...)
        print((not ok and value or value == nil and message or "no error"):match "[^/]*$")
      end
      local order = gl.arange(COUNT)
      ]]):format(place:path "f", SIZE, COUNT) .. code)
  end

  local CHANGED = "f: was changed while it was in use (it had 4000000 bytes, and has %d): load the data set again\n"

  it("is read to an error, not to the end of the process, on any number of threads", function()
    for _, threads in ipairs {1, 2} do
      local output = run(([[
        gl.threads(%d)
        assert(#core.batch(t, order, 1, COUNT) == COUNT)
        cut(5000)
        says(core.batch, t, order, 1, COUNT)
        says(core.batch, t, order, 1, 1)]]):format(threads))
      assert.equal(CHANGED:format(5000):rep(2), output)
    end
  end)

  it("fails whatever reads it", function()
    local output = run [[
      cut(0)
      local dir = path:match "^(.*/)"
      says(function() return t:float() end)
      says(function() return t[7] end)
      says(function() return t + 1 end)
      says(t.clone, t)
      says(t.totable, t)
      says(tostring, t)
      says(function() return t:contiguous():index_select(gl.tensor {COUNT}) end)
      says(core.hash_rows, t)
      says(gl.write_idx, dir .. "a.idx", t)
      says(gl.write_idx, dir .. "a.idx.gz", t)
      says(core.write_gif, dir .. "a.gif", t)
      says(require("genlat.safetensors").save, dir .. "a.safetensors", {t = t})
      local out <close> = core.create_file(dir .. "a.bytes")
      says(out.write, out, t)]]
    assert.equal(CHANGED:format(0):rep(13), output)
    assert.equal("f", place:list())
  end)

  it("changes nothing that it is copied to", function()
    local output = run [[
      local to = gl.zeros(COUNT, 100, 100, 1)
      cut(5000)
      says(function() to[{}] = t end)
      print(to:max():item())]]
    assert.equal(CHANGED:format(5000) .. "0.0\n", output)
  end)

  it("fails, too, where its size is the same again", function()
    local output = run [[
      local f = io.open(path, "r+b")
      f:write "y"
      f:close()
      says(core.batch, t, order, 1, 1)]]
    assert.equal(CHANGED:format(SIZE * COUNT), output)
  end)

  it("is cut while threads read it", function()
    local output = run [[
      gl.threads(2)
      local cutter = io.popen("sleep 0.05; " .. CUT:format(path, 4096))
      local ok, message = true, nil
      repeat ok, message = pcall(core.batch, t, order, 1, COUNT) until not ok
      cutter:close()
      print(message:match "[^/]*$")]]
    assert.equal(CHANGED:format(4096), output)
  end)

  it("may be replaced or removed, and leaves other faults to end the process", function()
    local output = run [[
      assert(core.write_file(path, "other"))
      print((core.batch(t, order, 1, 1):max() * 255):round():item() == ("x"):byte())
      os.remove(path)
      print(#core.batch(t, order, 1, COUNT))
      t = nil
      collectgarbage()
      collectgarbage()
      io.stdout:flush()
      os.execute "kill -BUS $PPID"
      print "lives"]]
    assert.matches("^true\n400\n", output)
    assert.is_truthy(not output:find "lives" or output:find "DEADLYSIGNAL") -- the address sanitizer's last words
  end)
end)
