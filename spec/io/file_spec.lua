-- Files and folders: replaced as a whole or not at all.

local gl = require "genlat"
local safetensors = require "genlat.safetensors"
local folder = require "spec.io.folder"

local core = gl.core

describe("files", function()
  local place
  before_each(function() place = folder.new() end)
  after_each(function() place:remove() end)

  -- What a shell command prints that is run in the folder.
  local function shell(command)
    local pipe = assert(io.popen(("cd '%s' && { %s; }"):format(place.name, command)))
    local output = pipe:read "a"
    pipe:close()
    return output
  end

  it("refuse a path that is none, at the user's line", function()
    local function refused(message, call, path)
      local ok, problem = pcall(function() call(path) end)
      assert.is_false(ok)
      assert.matches("file_spec.lua:%d+: " .. message, problem)
    end
    for _, call in ipairs {core.read_png, core.file_kind, gl.data.load, gl.load, gl.models.load} do
      refused("a path is not empty and has no zero bytes", call, "")
      refused("a path is not empty and has no zero bytes", call, "a\0b")
    end
    refused("the path is a text, not table", core.read_png, {})
  end)

  describe("write_file", function()
    it("writes any bytes and leaves nothing else", function()
      assert.is_true(core.write_file(place:path("a"), "x\0y\n"))
      assert.equal("x\0y\n", place:read("a"))
      assert.is_true(core.write_file(place:path("a"), ""))
      assert.equal("", place:read("a"))
      assert.equal("a", place:list())
    end)

    it("leaves files of any other name alone", function()
      place:write("a.tmp", "the user's own")
      place:write("a", "old")
      assert.is_true(core.write_file(place:path("a"), "new"))
      assert.equal("the user's own", place:read("a.tmp"))
      assert.equal("a a.tmp", place:list())
    end)

    it("follows links, also to what is not there yet", function()
      place:write("data", "old")
      shell("mkdir sub && ln -s ../data sub/link && ln -s sub/link again && ln -s sub/none none && ln -s loop loop")
      assert.is_true(core.write_file(place:path("again"), "new"))
      assert.is_true(core.write_file(place:path("none"), "made"))
      assert.same({"new", "made"}, {place:read("data"), place:read("sub/none")})
      assert.equal("link", shell("test -L again && test -L sub/link && test -L none && printf link"))
      local ok, message = core.write_file(place:path("loop"), "x")
      assert.same({nil, place:path("loop") .. ": cannot be written: Too many levels of symbolic links"}, {ok, message})
      assert.equal("again data loop none sub", place:list())
    end)

    it("keeps the permissions of a file, and gives a new one those that the umask leaves", function()
      place:write("secret", "old")
      shell("chmod 600 secret")
      place:write("shared", "old")
      shell("chmod 664 shared")
      for _, name in ipairs {"secret", "shared"} do assert(core.write_file(place:path(name), "new")) end
      assert.equal("600 664", shell("stat -c %a secret shared | xargs printf '%s %s'"))
      for _, mask in ipairs {"077", "022", "002"} do
        place:run(("umask %s;"):format(mask), ("assert(gl.core.write_file(%q, 'x'))"):format(place:path(mask)))
      end
      assert.equal("600 644 664", shell("stat -c %a 077 022 002 | xargs printf '%s %s %s'"))
    end)

    it("writes into a pipe, a device and an open file, and leaves them what they are", function()
      shell("mkfifo pipe; cat pipe > got & printf ''")
      assert.is_true(core.write_file(place:path("pipe"), ("x"):rep(100000)))
      assert.equal("100000 pipe", shell("while test $(wc -c < got) -lt 100000; do :; done; wc -c < got | tr -d '\\n'; "
        .. "test -p pipe && printf ' pipe'"))
      assert.is_true(core.write_file("/dev/null", "x"))
      assert.equal("device", shell("test -c /dev/null && printf device"))
      assert.same({nil, "/dev/full: cannot be written: No space left on device"}, {core.write_file("/dev/full", "x")})
      assert.equal("beforexafter", (place:run("", [[
        io.write "before" io.stdout:flush() assert(gl.core.write_file("/dev/stdout", "x")) io.write "after"]])))
      place:run("exec > out;", [[
        io.write "before" io.stdout:flush() assert(gl.core.write_file("/dev/fd/1", "x")) io.write "after"]])
      assert.equal("beforexafter", place:read("out"))
      for _, name in ipairs {"1.png", "1/a", ("9"):rep(30)} do -- no number of an open file
        assert.is_nil((core.write_file("/dev/fd/" .. name, "x")), name)
      end
      assert.equal("got out pipe", place:list())
    end)

    it("refuses a pipe that nobody reads, or no longer", function()
      shell("mkfifo alone gone; head -c 1 gone > got & printf ''")
      local ok, message = core.write_file(place:path("alone"), "x")
      assert.same({nil, place:path("alone") .. ": cannot be written: nobody reads from this pipe"}, {ok, message})
      ok, message = core.write_file(place:path("gone"), ("x"):rep(1 << 20))
      assert.same({nil, place:path("gone") .. ": cannot be written: Broken pipe"}, {ok, message})
      assert.equal("pipes", shell("test -p alone && test -p gone && printf pipes"))
      ok, message = gl.write_png(place:path("alone"), gl.zeros(2, 2))
      assert.is_nil(ok)
      assert.matches("nobody reads from this pipe", message)
    end)

    it("leaves nothing behind when the process is killed", function()
      place:write("a", "old")
      place:run("", ([[
        local file = gl.core.create_file(%q)
        file:write(("x"):rep(1e6))
        io.popen("kill -9 $PPID"):close()]]):format(place:path "a"))
      assert.equal("old", place:read("a"))
      assert.equal("a", (place:list():gsub("^%.genlat%-%x+%.tmp ", ""))) -- of file systems that want a name for it
    end)

    it("of two that write the same file at once leaves the later one's, whole", function()
      local one, two = assert(core.create_file(place:path "a")), assert(core.create_file(place:path "a"))
      one:write "one"
      two:write "second"
      assert.is_true(one:close())
      assert.equal("one", place:read("a"))
      assert.is_true(two:close())
      assert.equal("second", place:read("a"))
      assert.equal("a", place:list())
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
