-- Data sets in IDX files: every naming that they come in, and what does not go together is found when they are loaded.

local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"

describe("IDX files", function()
  local place
  before_each(function() place = Folder.new() end)
  after_each(function() place:remove() end)

  local function images(name, n, h, w)
    assert(gl.write_idx(place:path(name), gl.arange(n * h * w):reshape(n, h, w):byte()))
  end

  local function labels(name, list) assert(gl.write_idx(place:path(name), gl.tensor(list):byte())) end

  -- Four training images and two test images with the labels given, in files of this form of name.
  local function set(form, train, test)
    images(form:format("train", "images", 3), 4, 3, 2)
    images(form:format("t10k", "images", 3), 2, 3, 2)
    if train then labels(form:format("train", "labels", 1), train) end
    if test then labels(form:format("t10k", "labels", 1), test) end
  end

  local function refused(pattern, options)
    local data, message = gl.data.load(place.name, options)
    assert.is_nil(data)
    assert.matches(pattern, message)
  end

  for _, form in ipairs {"%s-%s-idx%d-ubyte", "%s-%s.idx%d-ubyte", "%s_%s_idx%d_ubyte.gz", "%s-%s.idx%d",
                         "emnist-balanced-%s-%s-idx%d-ubyte.gz"} do
    it(("called %s are found"):format(form), function()
      set(form, {0, 2, 1, 1}, {1, 2})
      local data = assert(gl.data.load(place.name))
      assert.same({{3, 2, 1}, {"0", "1", "2"}, 4, 2}, {data.shape, data.classes, data.train.count, data.test.count})
      assert.same({{1, 3, 2, 2}, {2, 3}}, {data.train.labels:totable(), data.test.labels:totable()})
      assert.equal(gl.core.real_path(place.name), data.path)
    end)
  end

  it("of EMNIST have test for t10k, classes by their mapping, and are turned if asked", function()
    set("emnist-letters-%s-%s-idx%d-ubyte", {1, 3, 1, 3})
    for _, part in ipairs {"images-idx3", "labels-idx1"} do
      if part == "labels-idx1" then labels("emnist-letters-t10k-labels-idx1-ubyte", {3, 3}) end
      os.rename(place:path(("emnist-letters-t10k-%s-ubyte"):format(part)),
        place:path(("emnist-letters-test-%s-ubyte"):format(part)))
    end
    place:write("emnist-letters-mapping.txt", "1 65 97\n2 66 98\n3 67 99\n")
    local data = assert(gl.data.load(place.name))
    assert.same({{"A", "C"}, {1, 2, 1, 2}, {2, 2}}, {data.classes, data.train.labels:totable(),
      data.test.labels:totable()})
    assert.matches("EMNIST's images lie with rows and columns exchanged %(%-%-transpose turns them%)$", data.notes[1])
    local turned = assert(gl.data.load(place.name, {transpose = true}))
    assert.same({{2, 3, 1}, {}}, {turned.shape, turned.notes})
    assert.same(data.train.images:permute({1, 3, 2, 4}):totable(), turned.train.images:totable())
    place:write("emnist-letters-mapping.txt", "1 65 97\nrubbish\n")
    refused "mapping.txt: expected lines of a label and the code of a character, not 'rubbish'$"
    place:write("emnist-letters-mapping.txt", "1 99999999999999999999\n")
    refused "mapping.txt: expected lines of a label and the code of a character, not '1 99999999999999999999'$"
  end)

  it("of several sets in one folder are loaded by their prefix", function()
    set("emnist-digits-%s-%s-idx%d-ubyte")
    set("emnist-letters-%s-%s-idx%d-ubyte", {0, 0, 0, 1}, {0, 1})
    refused "there are several data sets in it %(emnist%-digits, emnist%-letters%): .*, as %S+/emnist%-letters$"
    assert.same({}, assert(gl.data.load(place:path "emnist-digits")).classes)
    assert.same({"0", "1"}, assert(gl.data.load(place:path "emnist-letters")).classes)
  end)

  it("that are there twice are taken in MNIST's own naming, and the other is told", function()
    set("%s-%s-idx%d-ubyte", {0, 0, 0, 1}, {0, 1})
    images("val-images-idx3-ubyte", 1, 3, 2)
    images("train-images.idx3-ubyte", 9, 3, 2)
    local data = assert(gl.data.load(place.name))
    assert.same({4, 2}, {data.train.count, data.test.count})
    assert.matches("left out: train%-images.idx3%-ubyte %(train%-images%-idx3%-ubyte is taken%)",
      table.concat(data.notes, "\n"))
    assert.equal(2, #data.notes)
  end)

  it("are found in the subfolder where torchvision and EMNIST's archive have them", function()
    for _, inner in ipairs {"raw", "gzip"} do
      gl.core.mkdirs(place:path(inner))
      set(inner .. "/%s-%s-idx%d-ubyte", {0, 0, 0, 1}, {0, 1})
      local data = assert(gl.data.load(place.name))
      assert.same({place.name:match "[^/]+$", 4}, {data.name, data.train.count})
      assert.equal(place.name, data.source)
      os.execute(("rm -r '%s'"):format(place:path(inner)))
    end
  end)

  describe("are refused", function()
    it("with training and test images of different size", function()
      set "%s-%s-idx%d-ubyte"
      images("t10k-images-idx3-ubyte", 2, 3, 3)
      refused "/t10k%-images%-idx3%-ubyte: images of 3 x 3, those of .*/train%-images%-idx3%-ubyte are 3 x 2$"
    end)

    it("with labels that only the test images have", function()
      set("%s-%s-idx%d-ubyte", {0, 2, 1, 1}, {7, 2})
      refused "/t10k%-labels%-idx1%-ubyte: 1 test image of label 7, of which there is no training image: take them out"
      labels("t10k-labels-idx1-ubyte", {7, 9})
      refused ": 2 test images of labels 7, 9, of which"
    end)

    it("with another number of labels than of images", function()
      set("%s-%s-idx%d-ubyte", {0, 1, 1}, {1, 0})
      refused "/train%-images%-idx3%-ubyte: 4 images, but .*/train%-labels%-idx1%-ubyte has labels for 3$"
      set("%s-%s-idx%d-ubyte", {0, 1, 1, 0}, {1, 0, 0})
      refused "/t10k%-images%-idx3%-ubyte: 2 images, but .* has labels for 3$"
    end)

    it("with labels of one part only", function()
      set("%s-%s-idx%d-ubyte", {0, 1, 1, 0})
      refused ": there is no t10k%-labels%-idx1%-ubyte or t10k%-labels%-idx1%-ubyte.gz$"
    end)

    it("with labels in a file that is called otherwise", function()
      set "%s-%s-idx%d-ubyte"
      labels("labels-train", {0, 1, 1, 0})
      refused "/labels%-train: are these labels%? Then call it train%-labels%-idx1%-ubyte$"
      os.remove(place:path "labels-train")
      labels("train_lbl_label.gz", {0, 1, 1, 0})
      refused "/train_lbl_label.gz: are these labels%?"
      os.remove(place:path "train_lbl_label.gz")
      place:write("label names.txt", "cat\ndog\n")
      assert(gl.data.load(place.name))
    end)

    it("with labels beyond the classes of a published set", function()
      gl.core.mkdirs(place:path "mnist")
      set("mnist/%s-%s-idx%d-ubyte", {0, 1, 10, 0}, {1, 0})
      local data, message = gl.data.load(place:path "mnist")
      assert.is_nil(data)
      assert.matches("/train%-labels%-idx1%-ubyte: there is a label 10, the classes have 0 to 9$", message)
    end)

    it("with options of other kinds of sets", function()
      set "%s-%s-idx%d-ubyte"
      refused(": channels is an option of folders of images, these are IDX files$", {channels = 3})
      local data, message = gl.data.load("digits", {train = 1, test = 1, transpose = true})
      assert.is_nil(data)
      assert.matches("^digits: transpose is an option of IDX files, these are sets that are drawn by program$", message)
      assert.error_matches(function() gl.data.load(place.name, {transposed = true}) end,
        "^data.load: there is no option 'transposed'; there are .*; did you mean 'transpose'%?")
    end)
  end)
end)
