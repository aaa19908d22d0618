-- Files and folders: replaced as a whole or not at all.

local gl = require "genlat"
local safetensors = require "genlat.safetensors"
local folder = require "spec.io.folder"

local core = gl.core

describe("files", function()
  local place
  before_each(function() place = folder.new() end)
  after_each(function() place:remove() end)

  describe("write_file", function()
    it("writes any bytes and leaves nothing else", function()
      assert.is_true(core.write_file(place:path("a"), "x\0y\n"))
      assert.equal("x\0y\n", place:read("a"))
      assert.is_true(core.write_file(place:path("a"), ""))
      assert.equal("", place:read("a"))
      assert.equal("a", place:list())
    end)

    it("replaces what a killed process left, and not through a link", function()
      place:write("other", "precious")
      os.execute(("ln -s other '%s'"):format(place:path("a.tmp")))
      assert.is_true(core.write_file(place:path("a"), "new"))
      assert.equal("precious", place:read("other"))
      assert.equal("a other", place:list())
    end)

    it("works in the current folder and from the root", function()
      local name = "spec_write_file_" .. place.name:gsub(".*/", "")
      assert.is_true(core.write_file(name, "x"))
      assert.is_true(os.remove(name))
      assert.is_nil(core.file_kind(name .. ".tmp"))
    end)

    it("says what is in the way", function()
      local function refused(pattern, path)
        local ok, message = core.write_file(path, "x")
        assert.is_nil(ok)
        assert.equal(path .. ": cannot be written: " .. pattern, message)
      end
      place:write("file", "")
      refused("its folder does not exist", place:path("none/a"))
      refused("Not a directory", place:path("file/a"))
      refused("it is a folder", place.name)
      assert.equal("file", place:list())
    end)

    it("leaves the old file on a full disk", function()
      place:write("a", "old")
      local output = place:with_full_disk(4, ("print(gl.core.write_file(%q, ('x'):rep(1e5)))"):format(place:path "a"))
      assert.equal(("nil\t%s: cannot be written: File too large\n"):format(place:path "a"), output)
      assert.equal("old", place:read("a"))
      assert.equal("a", place:list())
    end)

    it("raises for wrong arguments", function()
      assert.has_error(function() core.write_file("", "x") end)
      assert.has_error(function() core.write_file("a\0b", "x") end)
      assert.has_error(function() core.write_file(place:path("a")) end)
      assert.has_error(function() core.write_file(nil, "x") end)
    end)
  end)

  describe("mkdirs", function()
    it("makes all that are missing, and is content with what is there", function()
      for _, path in ipairs { "a/b/c", "a/b/c", "a/b/d/", "e//f", "a/./g" } do
        assert.is_true(core.mkdirs(place:path(path)))
        assert.equal("folder", core.file_kind(place:path(path)))
      end
      assert.is_true(core.mkdirs("/"))
      assert.is_true(core.mkdirs("."))
    end)

    it("says which folder cannot be made", function()
      place:write("file", "")
      local ok, message = core.mkdirs(place:path("file/a/b"))
      assert.is_nil(ok)
      assert.equal(place:path("file") .. ": cannot make this folder: a file is in its place", message)
      ok, message = core.mkdirs("/proc/none/a")
      assert.is_nil(ok)
      assert.matches("^/proc/none: cannot make this folder: ", message)
    end)
  end)

  it("are as before when any one allocation fails, and no memory is lost", function()
    local image = gl.rand(30, 20, 3):mul(255):byte():transpose(1, 2)
    local f = place:path("f")
    local header = '{"t":{"dtype":"U8","shape":[2,3],"data_offsets":[0,6]}}'
    place:write("good.safetensors", string.pack("<s8", header) .. "abcdef")
    assert(core.write_png(place:path("good.png"), image))
    assert(core.write_idx(place:path("good.gz"), image))
    local operations = {
      function() return core.write_png(f, image) end,
      function() return core.write_idx(f, image) end,
      function() return core.write_idx(f .. ".gz", image) end,
      function() return core.safetensors_write(f, "{}", { image }) end,
      function() return core.write_file(f, "new") end,
      function() return core.mkdirs(place:path("new/folder")) end,
      function() return core.read_png(place:path("good.png")) end,
      function() return core.read_idx(place:path("good.gz")) end,
      function() return safetensors.load(place:path("good.safetensors")) end,
    }
    place:write("f", "old")
    place:write("f.gz", "old")
    local files = place:list()
    for number, operation in ipairs(operations) do
      collectgarbage()
      local live, failures = gl.memory().live, 0
      local ok, message
      repeat
        core.memory_fail_after(failures)
        ok, message = operation()
        core.memory_fail_after(-1)
        if not ok then
          failures = failures + 1
          assert.matches("memory", message)
          collectgarbage()
          assert.same({ number, live, files, "old" }, { number, gl.memory().live, place:list(), place:read("f") })
        end
      until ok
      assert.is_true(failures >= 1)
      place:write("f", "old")
      files = place:list()
    end
  end)

  it("file_kind tells files from folders", function()
    place:write("file", "")
    assert.equal("file", core.file_kind(place:path("file")))
    assert.equal("folder", core.file_kind(place.name))
    assert.is_nil(core.file_kind(place:path("none")))
    assert.is_nil(core.file_kind(place:path("file/none")))
  end)
end)
