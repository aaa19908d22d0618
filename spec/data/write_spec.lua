-- Data sets written piece by piece.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local write = require "genlat.data.write"

local folder
before_each(function() folder = Folder.new() end)
after_each(function() folder:remove() end)

-- The rows of images (and labels) in pieces of those sizes.
local function pieces(images, labels, sizes)
  local i, first = 0, 1
  return function()
    i = i + 1
    if not sizes[i] then return nil end
    local last = first + sizes[i] - 1
    local x, y = images:slice(1, first, last), labels and labels:slice(1, first, last)
    first = last + 1
    return x, y
  end
end

describe("a data set written piece by piece", function()
  local images, labels = gl.rand(7, 3, 2, 1), gl.tensor {2, 1, 2, 2, 1, 1, 2}

  it("is that of write_idx", function()
    local place = assert(write.place(folder:path "set", {format = "idx", shape = {3, 2, 1}, labelled = true}))
    assert.is_true(place:split("train", 7, pieces(images, labels, {3, 1, 3})))
    assert.is_true(place:split("test", 2, pieces(images, labels, {3, 1})))
    assert(gl.write_idx(folder:path "images", (images:squeeze(4) * 255):round():byte()))
    assert(gl.write_idx(folder:path "labels", (labels - 1):byte()))
    assert.equal(folder:read "images", folder:read "set/train-images-idx3-ubyte")
    assert.equal(folder:read "labels", folder:read "set/train-labels-idx1-ubyte")
    assert.equal(2, gl.data.load(folder:path "set").test.count)
  end)

  it("takes bytes as they are, and values beyond 0..1 as the nearest", function()
    local place = assert(write.place(folder.name, {format = "idx", shape = {1, 2, 1}}))
    assert(place:split("train", 1, pieces(gl.tensor({{{{7}, {255}}}}, {dtype = "uint8"}), nil, {1})))
    assert(place:split("test", 1, pieces(gl.tensor {{{{-1}, {2}}}}, nil, {1})))
    local set = assert(gl.data.load(folder.name))
    assert.same({{7, 255}, {0, 255}}, {set.train.images:flatten():totable(), set.test.images:flatten():totable()})
  end)

  it("calls folders of PNG files by the classes, whatever these are called", function()
    local place = assert(write.place(folder.name, {
      format = "png", shape = {3, 2, 1}, labelled = true, classes = {"T-shirt/top", "..hat"},
    }))
    assert(place:split("train", 7, pieces(images, labels, {7})))
    assert.equal("T-shirt-top hat", Folder.list {name = folder:path "train"})
    assert.equal("00001.png 00002.png 00003.png", Folder.list {name = folder:path "train/T-shirt-top"})
    assert.same((images[3] * 255):round():totable(), gl.read_png(folder:path "train/hat/00002.png"):totable())
  end)

  it("gives every class a folder of its own", function()
    local place = assert(write.place(folder.name, {
      format = "png", shape = {3, 2, 1}, labelled = true, classes = {"a/b", "c", "a-b", "C", "猫", "狗"},
    }))
    local x = gl.rand(6, 3, 2, 1)
    assert(place:split("train", 6, function() return x, gl.arange(6) end))
    local names = gl.core.list_folder(folder:path "train")
    table.sort(names)
    assert.equal(6, #names)
    assert.same({"C~", "a-b", "a-b~", "c", "狗", "猫"}, {
      names[1]:match "^C~", names[2], names[3]:match "^a%-b~", names[4], names[5], names[6],
    })
    for _, name in ipairs(names) do os.remove(folder:path("train/" .. name .. "/00001.png")) end
    os.execute(("rm -r '%s'"):format(folder:path "train"))
  end)

  it("is not mixed with another", function()
    local settings = {format = "idx", shape = {3, 2, 1}, labelled = true}
    local place = assert(write.place(folder.name, settings))
    assert(place:split("train", 7, pieces(images, labels, {7})))
    assert(write.place(folder.name, settings)) -- files of the same names are replaced
    settings.labelled = false
    local nothing, message = write.place(folder.name, settings)
    assert.is_nil(nothing)
    assert.matches("is not empty %(train%-labels%-idx1%-ubyte%)", message)
    nothing, message = write.place(folder.name, {format = "png", shape = {3, 2, 1}})
    assert.is_nil(nothing)
    assert.matches("is not empty", message)
  end)

  it("leaves nothing where it was not finished", function()
    local place = assert(write.place(folder.name, {format = "idx", shape = {3, 2, 1}}))
    assert.error_matches(function() place:split("train", 9, pieces(images, nil, {7})) end, "7 images came, of 9")
    assert.equal("", folder:list())
  end)

  it("explains what it cannot do", function()
    local nothing, message = write.place(folder.name, {format = "idx", shape = {3, 2, 3}})
    assert.same({nil, "IDX files hold grey images, these have 3 channels: write PNG files"}, {nothing, message})
    nothing, message = write.place(folder:write("file", ""), {format = "png", shape = {3, 2, 3}})
    assert.is_nil(nothing)
    assert.matches("/file: ", message)
    assert.error_matches(function() write.place(folder.name, {format = "bmp", shape = {1, 1, 1}}) end,
      "format is idx or png, not bmp")
    local place = assert(write.place(folder:path "set", {format = "idx", shape = {3, 2, 1}, labelled = true}))
    assert.error_matches(function() place:split("train", 7, pieces(images, nil, {7})) end,
      "7 images come with no labels")
    assert.error_matches(function() place:split("train", 7, pieces(gl.zeros(7, 2, 2, 1), labels, {7})) end,
      "images are N x 3x2x1, these are 7x2x2x1")
    assert.error_matches(function() place:split("more", 7) end, "a part is train or test, not more")
  end)

  it("says where the disk is full", function()
    local output = folder:with_full_disk(1, [[
      local place = assert(require("genlat.data.write").place("]] .. folder:path "set" .. [[",
        {format = "idx", shape = {28, 28, 1}}))
      print(place:split("train", 100, function() return gl.zeros(100, 28, 28, 1) end))
    ]])
    assert.matches("^nil\t[^\n]*train%-images%-idx3%-ubyte: [^\n]+\n$", output)
    assert.equal("", Folder.list {name = folder:path "set"})
  end)

  it("is marked until its parts are there", function()
    local settings = {format = "png", shape = {3, 2, 1}, parts = {"train", "test"}}
    local place <close> = assert(write.place(folder.name, settings))
    local function half()
      local set, message = gl.data.load(folder.name)
      assert.is_nil(set)
      assert.matches("this data set is not whole", message)
      set, message = write.place(folder.name, settings)
      assert.is_nil(set)
      assert.matches("another process %(%d+%) is writing a data set there", message)
    end
    half()
    assert(place:split("train", 7, pieces(images, nil, {7})))
    half()
    assert(place:split("test", 2, pieces(images, nil, {7})))
    assert.same({7, 2}, (function(set) return {set.train.count, set.test.count} end)(gl.data.load(folder.name)))
    assert.equal("test train", folder:list())
  end)

  it("is removed where an error ends it before", function()
    for _, format in ipairs {"png", "idx"} do
      assert.error_matches(function()
        local place <close> = assert(write.place(folder.name, {format = format, shape = {3, 2, 1},
          parts = {"train", "test"}}))
        assert(place:split("train", 7, pieces(images, nil, {7})))
        assert(place:split("test", 9, pieces(images, nil, {7})))
      end, "7 images came, of 9")
      assert.equal("", folder:list())
    end
    local place = assert(write.place(folder.name, {format = "png", shape = {3, 2, 1}}))
    assert(place:split("train", 7, pieces(images, nil, {7})))
    assert.has_error(function() place:split("test", 9, pieces(images, nil, {7})) end)
    assert.equal("train", folder:list()) -- of parts on their own, the others stay
  end)

  -- A process that writes a set and is killed in the middle of it.
  local function killed(format)
    folder:run("", ([[
      local write = require "genlat.data.write"
      local place = assert(write.place(%q, {format = %q, shape = {3, 2, 1}, parts = {"train", "test"}}))
      assert(place:split("train", 7, function() return gl.zeros(7, 3, 2, 1) end))
      local calls = 0
      place:split("test", 7, function()
        calls = calls + 1
        if calls == 2 then io.popen("kill -9 $PPID"):close() end
        return gl.zeros(3, 3, 2, 1)
      end)]]):format(folder:path "set", format))
    return Folder.list {name = folder:path "set"}
  end

  it("that a killed process left is not taken for one, and does not stand in another one's way", function()
    for _, formats in ipairs {{"png", "png"}, {"idx", "idx"}, {"png", "idx"}, {"idx", "png"}} do
      local left = killed(formats[1])
      assert.matches("^%.unfinished .*train", left)
      local set, message = gl.data.load(folder:path "set")
      assert.is_nil(set)
      assert.matches("this data set is not whole", message)
      do
        local place <close> = assert(write.place(folder:path "set", {format = formats[2], shape = {3, 2, 1},
          parts = {"train", "test"}}))
        assert(place:split("train", 2, pieces(images, nil, {2})))
        assert(place:split("test", 1, pieces(images, nil, {2})))
      end
      set = assert(gl.data.load(folder:path "set"))
      assert.same({2, 1}, {set.train.count, set.test.count})
      os.execute(("rm -r '%s'"):format(folder:path "set"))
    end
  end)

  it("keeps a file of the user's in a folder that was not finished", function()
    killed "png"
    folder:write("set/train/notes.txt", "mine")
    local place, message = write.place(folder:path "set", {format = "png", shape = {3, 2, 1}})
    assert.is_nil(place)
    assert.matches("is not empty %(train%)", message)
    assert.equal("mine", folder:read "set/train/notes.txt")
  end)

  it("as PNG files leaves none of them empty or cut on a full disk", function()
    local output = folder:with_full_disk(2, [[
      local x = (gl.rand(3, 40, 40, 3) * 255):byte()
      local place = assert(require("genlat.data.write").place("]] .. folder:path "set" .. [[",
        {format = "png", shape = {40, 40, 3}}))
      print(place:split("train", 3, function() return x end))
    ]])
    assert.matches("^nil\t[^\n]*/set/train/00001%.png: File too large\n$", output)
    assert.equal("", Folder.list {name = folder:path "set"})
  end)
end)
