-- Folders of images in every layout that they come in: understood or refused, and what is left out is counted.

local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local maker = require "spec.io.png_maker"

local core = gl.core

-- A 1 x 1 grey PNG.
local function pixel(value)
  return maker.png {width = 1, height = 1, bits = 8, color = 0, rows = {string.char(value)}}
end

describe("a folder", function()
  local place, store
  before_each(function()
    place, store = Folder.new(), Folder.new()
  end)
  after_each(function()
    place:remove()
    store:remove()
  end)

  local function put(name, bytes)
    local parent = name:match "^(.*)/"
    if parent then assert(core.mkdirs(place:path(parent))) end
    return place:write(name, bytes or pixel(#name))
  end

  -- Two images each.
  local function fill(...)
    for _, folder in ipairs {...} do
      put(folder .. "/1.png")
      put(folder .. "/2.png")
    end
  end

  local function load(options)
    local all = {cache = store.name}
    for key, value in pairs(options or {}) do all[key] = value end
    return gl.data.load(place.name, all)
  end

  -- Loads it: classes, training images, test images, and the notes as one text without the set's name.
  local function understood(options)
    local set = assert(load(options))
    local notes = table.concat(set.notes, "\n"):gsub(set.name .. ": ", "")
    return set.classes, set.train.count, set.test.count, notes
  end

  local function refused(pattern, options)
    local set, message = load(options)
    assert.is_nil(set)
    assert.matches(pattern, message)
    assert.is_nil(message:find "\n")
  end

  describe("divided", function()
    for _, names in ipairs {{"train", "val"}, {"Train", "VALID"}, {"training", "validation"}, {"TRAIN", "Testing"},
                            {"train", "eval"}, {"train", "dev"}, {"Training", "Test"}} do
      it(("into %s and %s, with classes and without"):format(names[1], names[2]), function()
        fill(names[1] .. "/a", names[1] .. "/b", names[2] .. "/b")
        assert.same({{"a", "b"}, 4, 2, ""}, {understood()})
        assert.same({2, 2}, assert(load()).test.labels:totable())
        place:remove()
        place = Folder.new()
        fill(names[1], names[2])
        assert.same({{}, 2, 2, ""}, {understood()})
      end)
    end

    it("into three: what is tested on is test, and the other is counted", function()
      fill("train/a", "train/b", "val/a", "test/a", "test/b")
      put "cover.png"
      assert.same({{"a", "b"}, 4, 4, "left out: val/ with 2 images; 1 image beside the parts"}, {understood()})
    end)

    it("with one folder in each, which is no class", function()
      fill("train/images", "test/images")
      assert.same({{}, 2, 2, ""}, {understood()})
    end)

    it("but with classes that only the test images have", function()
      fill("train/a", "train/b", "test/a", "test/c")
      refused "/test has a class c, .*/train has none$"
    end)

    it("in a folder around it", function()
      fill("set/train/a", "set/train/b", "set/test/a")
      core.mkdirs(place:path "other")
      local classes, train, test, notes = understood()
      assert.same({{"a", "b"}, 4, 2}, {classes, train, test})
      assert.matches("^left out: the folder .*/other without images$", notes)
    end)

    it("with a part for testing alone", function()
      fill("test/a", "a", "b")
      refused ": there is a folder test, but none called train: put the training images into one, or rename it$"
    end)
  end)

  describe("not divided", function()
    it("with a folder train alone", function()
      fill("train/a", "train/b")
      assert.same({{"a", "b"}, 3, 1, ""}, {understood {test = 1}})
    end)

    it("with one subfolder, which is no class", function()
      fill "all"
      local classes, train, test, notes = understood {test = 1}
      assert.same({{}, 1, 1, ""}, {classes, train, test, notes})
      assert.is_nil(load {test = 1}.train.labels)
    end)

    it("with a class that is called train among others", function()
      fill("bus", "car", "train")
      assert.same({{"bus", "car", "train"}, 5, 1, ""}, {understood {test = 1}})
    end)

    it("with folders inside a class, which belong to it, and names that are there twice", function()
      fill("cat/persian", "cat/siamese/old", "dog")
      local set = assert(load {test = 1})
      assert.same({{"cat", "dog"}, 6}, {set.classes, set.train.count + set.test.count})
      local cats = set.train.labels:eq(1):sum():item() + set.test.labels:eq(1):sum():item()
      assert.equal(4, cats)
    end)

    it("with links, also such as lead back", function()
      fill("a", "b")
      os.execute(("cd '%s' && ln -s a c && ln -s .. a/up && ln -s loop loop && ln -s . here"):format(place.name))
      local classes, train, test, notes = understood {test = 1}
      assert.same({{"a", "b", "c"}, 5, 1}, {classes, train, test})
      assert.matches("^left out: 1 other file; %d links to folders around them %(.*, %.%.%.%)$", notes)
    end)
  end)

  describe("with what cannot be read", function()
    it("counts it in one line", function()
      fill("a", "b")
      for _, name in ipairs {"x.jpg", "a/1.JPEG", "a/2.jpg", "b/z.gif", "b/readme.txt", "labels.csv"} do
        put(name, "x")
      end
      core.mkdirs(place:path "empty")
      local classes, _, _, notes = understood {test = 1}
      assert.same({"a", "b"}, classes)
      assert.equal("left out: 1 GIF file, 3 JPEG files (only PNG is read); 2 other files; the folder "
        .. place:path "empty" .. " without images", notes)
    end)

    it("does not count what systems leave there", function()
      fill("a", "b")
      for _, name in ipairs {".DS_Store", "a/.DS_Store", "Thumbs.db", "b/desktop.ini", "__MACOSX/a/1.png", ".git/1.png",
                             "a/._1.png"} do
        put(name, "x")
      end
      assert.same({{"a", "b"}, 3, 1, ""}, {understood {test = 1}})
    end)

    it("says so where there is nothing else", function()
      put("a/1.jpg", "x")
      put("b/2.jpeg", "x")
      refused "there are no images in it: .*; the 2 JPEG files cannot be read: convert them to PNG$"
      fill "train"
      put("test/1.jpg", "x")
      refused "/test: there are no images in it: .*; the 3 JPEG files cannot be read: convert them to PNG$"
    end)

    it("counts broken files that are skipped", function()
      fill("a", "b")
      put("a/x.png", "no PNG")
      local _, _, _, notes = understood {test = 1, broken = "skip"}
      assert.matches("^left out: 1 broken file %(.*/a/x.png: truncated: .*%)$", notes)
    end)

    it("shows names harmless", function()
      fill("a\27[2J", "b")
      put("a\27[2J/c/d.png", "broken")
      refused "/a\\x1B%[2J/c/d.png: "
    end)
  end)
end)

describe("the times of files", function()
  it("tell an image from another of the same size and time", function()
    local place, store = Folder.new(), Folder.new()
    for i = 1, 3 do place:write(i .. ".png", pixel(i)) end
    local before = assert(gl.data.load(place.name, {cache = store.name, test = 1}))
    local fingerprint = gl.data.fingerprint(before)
    assert.equal(fingerprint, gl.data.fingerprint(assert(gl.data.load(place.name, {cache = store.name, test = 1}))))
    os.execute(("cd '%s' && cp -p 2.png time"):format(place.name))
    place:write("2.png", pixel(99)) -- in place
    os.execute(("cd '%s' && touch -r time 2.png && rm time"):format(place.name))
    local function values(set) return set.train.images:sum():item() + set.test.images:sum():item() end
    local after = assert(gl.data.load(place.name, {cache = store.name, test = 1}))
    assert.same({6, 103}, {values(before), values(after)})
    assert.not_equal(fingerprint, gl.data.fingerprint(after))
    place:remove()
    store:remove()
  end)
end)
