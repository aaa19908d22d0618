-- Whole data sets: their labels in a model's numbering, and what tells one from another.

local gl = require "genlat"
local Set = require "genlat.data.set"
local Split = require "genlat.data.split"

-- A set whose image i is all i and has the label given; two test images.
local function make(classes, labels, fields)
  local n = #labels
  local function split(first, last)
    local x = gl.arange(n):slice(1, first, last):byte():reshape(last - first + 1, 1, 1, 1)
    return Split.new(x, gl.tensor(labels):slice(1, first, last))
  end
  local set = {name = "pets", shape = {1, 1, 1}, classes = classes, train = split(1, n - 2), test = split(n - 1, n)}
  for key, value in pairs(fields or {}) do set[key] = value end
  return Set.new(set)
end

describe("a data set in a model's numbering", function()
  local pets = make({"cat", "dog", "fox"}, {1, 2, 3, 1, 3})

  it("is itself where the classes are the model's", function()
    assert.equal(pets, (Set.matched(pets, {names = {"cat", "dog", "fox"}, count = 3})))
    assert.is_nil(select(2, Set.matched(pets, {names = {"cat", "dog", "fox"}, count = 3})))
  end)

  it("is matched with a model's classes only", function()
    assert.error_matches(function() Set.matched(pets) end, "matched: model is a table, not nothing")
    assert.error_matches(function() Set.matched({}, {}) end, "matched: set is a data set, not an empty table")
  end)

  it("is matched by the names, whatever their order and number", function()
    local names = {"fox", "ant", "dog", "cat"}
    local set, line = Set.matched(pets, {names = names, count = 4})
    assert.is_nil(line)
    assert.same({names, {4, 3, 1}, {4, 1}}, {set.classes, set.train.labels:totable(), set.test.labels:totable()})
    assert.equal(names, set.test.classes)
    assert.same({1, 2, 3}, pets.train.labels:totable())
    assert.same({names, {4, 3, 1}}, {Set.matched(pets, {names = names}).classes, set.train.labels:totable()})
  end)

  it("is refused with both lists where the model does not know a class, unless it is told none", function()
    local set, message = Set.matched(pets, {names = {"cat", "dog"}, count = 2})
    assert.is_nil(set)
    assert.equal("the classes of pets (cat, dog, fox) are not those that the model learned (cat, dog): it knows no "
      .. "'fox'", message)
    assert.equal(pets, Set.matched(pets, {names = {"cat", "dog"}}))
    assert.is_nil(Set.matched(pets, {names = {"cat", "dog", "Fox"}, count = 3}))
    local strange = make({"a\27[2J"}, {1, 1, 1})
    assert.matches("%(a\\x1B%[2J%)", select(2, Set.matched(strange, {names = {"b"}, count = 1})))
  end)

  it("has labels, of a model that is told some", function()
    local bare = make({}, {1, 1, 1})
    bare.train.labels, bare.test.labels = nil, nil
    assert.equal("pets has no labels, the model has 2 classes: a, b",
      select(2, Set.matched(bare, {names = {"a", "b"}, count = 2})))
    assert.equal("pets has no labels, the model has 2 classes", select(2, Set.matched(bare, {count = 2})))
    assert.equal(bare, Set.matched(bare, {names = {"a", "b"}}))
  end)

  it("is matched by number where the model does not name its classes, and says so", function()
    local set, line = Set.matched(pets, {count = 3})
    assert.equal(pets, set)
    assert.equal("the model does not name its classes: those of pets (cat, dog, fox) are matched by number", line)
    assert.equal("pets has 3 classes (cat, dog, fox), the model learned 2, which it does not name",
      select(2, Set.matched(pets, {count = 2})))
    assert.same({pets}, {Set.matched(pets, {})})
    local letters = make({"A", "C"}, {1, 2, 1, 1}, {numbers = {2, 4}})
    set = Set.matched(letters, {count = 4})
    assert.same({{"0", "A", "2", "C"}, {2, 4}}, {set.classes, set.train.labels:totable()})
  end)

  it("is matched by number where both are numbered in files and one has no names", function()
    local shirts = make({"shirt", "coat"}, {1, 2, 1, 1}, {numbers = {1, 2}})
    local plain = make({"0", "1"}, {1, 2, 1, 1}, {numbers = {1, 2}})
    local set, line = Set.matched(plain, {names = {"shirt", "coat"}, numbers = {1, 2}, count = 2})
    assert.same({"shirt", "coat"}, set.classes)
    assert.equal("the classes of pets (0, 1) are matched by number with the model's (shirt, coat)", line)
    assert.same({"1", "0"}, Set.matched(shirts, {names = {"1", "0"}, numbers = {2, 1}, count = 2}).classes)
    assert.same({2, 1}, Set.matched(shirts, {names = {"1", "0"}, numbers = {2, 1}, count = 2}).train.labels:totable())
    assert.is_nil(Set.matched(plain, {names = {"shirt", "coat"}, count = 2})) -- of a folder: the order is the names'
    assert.is_nil(Set.matched(shirts, {names = {"ship", "car"}, numbers = {1, 2}, count = 2}))
  end)

  it("knows a class by its folder's name", function()
    local names = {"T-shirt/top", "Coat"}
    local folders = require("genlat.text").folder_names(names)
    local set = make({folders[2], folders[1]}, {1, 2, 1, 1})
    set = Set.matched(set, {names = names, count = 2})
    assert.same({names, {2, 1}}, {set.classes, set.train.labels:totable()})
  end)
end)

describe("a fingerprint", function()
  it("is that of images, labels and their order, not of names", function()
    local one = Set.fingerprint(make({"a", "b"}, {1, 2, 1, 2}))
    assert.matches("^%x+$", one)
    assert.equal(one, Set.fingerprint(make({"c", "d"}, {1, 2, 1, 2}, {name = "other", path = "/somewhere"})))
    assert.not_equal(one, Set.fingerprint(make({"a", "b"}, {1, 2, 2, 1})))
    local changed = make({"a", "b"}, {1, 2, 1, 2})
    changed.test.images[1] = 77
    assert.not_equal(one, Set.fingerprint(changed))
    assert.not_equal(one, Set.fingerprint(gl.data.padded(changed, 2)))
    local half = make({"a", "b"}, {1, 2, 1, 2})
    half.train, half.test = half.test, half.train
    assert.not_equal(one, Set.fingerprint(half))
  end)

  it("is as good for a folder of images, whose contents are known without reading them", function()
    local Folder = dofile "spec/io/folder.lua"
    local place, store = Folder.new(), Folder.new()
    finally(function()
      place:remove()
      store:remove()
    end)
    for i = 1, 40 do gl.write_png(place:path(i .. ".png"), gl.full({3, 3, 1}, i / 255)) end
    local set = assert(gl.data.load(place.name, {cache = store.name}))
    local known = Set.fingerprint(set)
    assert.is_string(set.contents)
    set.contents = nil
    assert.equal(known, Set.fingerprint(set))
  end)

  it("of a set that is drawn by program is that of its name, seed and size", function()
    local function of(options) return Set.fingerprint(gl.data.load("digits", options)) end
    local one = of {train = 20, test = 2}
    assert.equal(one, of {train = 20, test = 2})
    local others = {{train = 21, test = 2}, {train = 20, test = 2, seed = 4}, {train = 20, test = 2, size = 30}}
    for _, options in ipairs(others) do
      assert.not_equal(one, of(options))
    end
    assert.not_equal(of {train = 20, test = 2, without = "1"}, of {train = 20, test = 2, without = "2"})
  end)
end)
