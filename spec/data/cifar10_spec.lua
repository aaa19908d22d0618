-- CIFAR-10's binary files.

local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"

-- A record: a label, and an image whose pixel at row y and column x (from 0) is (y, x, shade).
local function record(label, shade)
  local planes = {{}, {}, {}}
  for y = 0, 31 do
    for x = 0, 31 do
      for c, value in ipairs {y, x, shade} do planes[c][32 * y + x + 1] = string.char(value) end
    end
  end
  return string.char(label) .. table.concat(planes[1]) .. table.concat(planes[2]) .. table.concat(planes[3])
end

-- Five files of two images and one of three, in `place` or its subfolder.
local function write_files(place, subfolder)
  if subfolder then assert(gl.core.mkdirs(place:path(subfolder))) end
  local prefix = subfolder and subfolder .. "/" or ""
  for i = 1, 5 do place:write(("%sdata_batch_%d.bin"):format(prefix, i), record(i - 1, i) .. record(9, 100 + i)) end
  place:write(prefix .. "test_batch.bin", record(3, 7) .. record(0, 8) .. record(5, 9))
end

describe("CIFAR-10", function()
  local place
  before_each(function() place = Folder.new() end)
  after_each(function() place:remove() end)

  it("is read with its classes, the planes of an image put together", function()
    write_files(place)
    local data = assert(gl.data.load(place.name))
    assert.same({"cifar10", {32, 32, 3}, 10, 3}, {data.name, data.shape, data.train.count, data.test.count})
    assert.same({1, 10, 2, 10, 3, 10, 4, 10, 5, 10}, data.train.labels:totable())
    assert.same({4, 1, 6}, data.test.labels:totable())
    assert.same({"frog", "cat"}, {data.classes[7], data.classes[data.test.labels[1]:item()]})
    assert.equal("uint8", data.train.images.dtype)
    assert.same({10, 32, 32, 3}, data.train.images.shape)
    assert.same({5, 17, 104}, data.train.images[{8, 6, 18}]:totable())
    assert.same({31, 0, 9}, data.test.images[{3, 32, 1}]:totable())
  end)

  it("is found as the archive unpacks, and by its name in $GENLAT_DATA", function()
    write_files(place, "cifar-10-batches-bin")
    assert.equal(10, assert(gl.data.load(place.name)).train.count)
    local environment = {GENLAT_DATA = place.name, XDG_CACHE_HOME = "/nowhere"}
    local getenv = stub(os, "getenv", function(name) return environment[name] end)
    finally(function() getenv:revert() end)
    assert.matches("^cifar10: 10 training and 3 test images of 32 x 32 x 3; classes airplane, ",
      tostring(gl.data.load "cifar10"))
    environment.GENLAT_DATA = "/nowhere"
    local _, message = gl.data.load "cifar10"
    assert.matches("^cifar10 is not here .*download it with `genlat fetch cifar10`", message)
  end)

  describe("refuses", function()
    local function refused(pattern)
      local data, message = gl.data.load(place.name)
      assert.is_nil(data)
      assert.matches(pattern, message)
    end
    before_each(function() write_files(place) end)

    it("a file that is missing", function()
      os.remove(place:path "data_batch_4.bin")
      refused("/data_batch_4.bin: cannot be opened: No such file or directory$")
      write_files(place)
      os.remove(place:path "test_batch.bin")
      refused("/test_batch.bin: cannot be opened")
    end)

    it("a file that is empty, cut or too long", function()
      for _, bytes in ipairs {"", "x", record(1, 1):sub(1, -2), record(1, 1) .. "\0"} do
        place:write("data_batch_2.bin", bytes)
        refused(("/data_batch_2.bin: %d bytes, expected a multiple of the 3073 bytes of a record$"):format(#bytes))
      end
    end)

    it("a label that is no class", function()
      place:write("data_batch_5.bin", record(9, 0):rep(150) .. record(10, 0))
      refused("/data_batch_5.bin: the label of record 151 is 10, expected 0 to 9$")
    end)
  end)

  it("gives its memory back when any one allocation fails", function()
    write_files(place)
    local paths = {place:path "data_batch_1.bin", place:path "test_batch.bin"}
    collectgarbage()
    collectgarbage()
    local live, failures = gl.memory().live, 0
    local images, message
    repeat
      gl.core.memory_fail_after(failures)
      images, message = gl.core.read_cifar10(paths)
      gl.core.memory_fail_after(-1)
      if not images then
        failures = failures + 1
        assert.matches("memory", message)
        assert.equal(live, gl.memory().live)
      end
    until images
    assert.is_true(failures >= 5)
  end)
end)

describe("the published CIFAR-10", function()
  local folder = "../shared/data/cifar10"
  local there = gl.core.file_kind(folder) == "folder";
  (there and it or pending)("has 5,000 training and 1,000 test images of each class", function()
    local data = assert(gl.data.load(folder))
    for class = 1, 10 do
      assert.equal(5000, data.train.labels:eq(class):sum():item())
      assert.equal(1000, data.test.labels:eq(class):sum():item())
    end
  end)
end)
