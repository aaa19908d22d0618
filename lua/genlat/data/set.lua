--- set.lua: a whole data set, and others made of it: padded, without a class, with its labels in a model's numbering.
--
-- Fields: name, shape = {H, W, C}, classes = {names}, train and test (splits), factor_names (of factors), and
--   path       the absolute path of the folder that it was read from; nil where it is drawn by program
--   source     the name that data.load loads it by from any working folder
--   notes      a list of what is worth saying of it, each in one line: what was left out, how it was understood
--   drawn      of a set that is drawn by program: its name and seed
--   numbers    of files that hold labels as numbers: that of each class, from 1
--   contents   the hash of all its images, training ones first, as text, where it is known without looking at them

local check = require "genlat.check"
local core = require "genlat.core"
local Split = require "genlat.data.split"
local text = require "genlat.text"

local Set = {}

local SHOWN = 12 -- how many names are printed

local function list(names)
  local some = text.message("%s", table.concat(names, ", ", 1, math.min(SHOWN, #names)))
  return #names <= SHOWN and some or ("%s, ... (%d)"):format(some, #names)
end

local events = {
  __tostring = function(self)
    local words = {text.message("%s: %d training and %d test images of %s", self.name, self.train.count,
      self.test.count, table.concat(self.shape, " x "))}
    if #self.classes > 0 then words[#words + 1] = "classes " .. list(self.classes) end
    if self.factor_names then words[#words + 1] = "factors " .. list(self.factor_names) end
    return table.concat(words, "; ")
  end,
}

--- Makes a table of such fields a data set: it prints itself, and its splits know the classes' names.
function Set.new(set)
  set.train.classes, set.test.classes = set.classes, set.classes
  set.notes = set.notes or {}
  return setmetatable(set, events)
end

-- A set like another but for some fields. Its notes may grow without the other's.
local function like(set, fields)
  local copy = {}
  for key, value in pairs(set) do
    copy[key] = value
  end
  copy.notes = {table.unpack(set.notes)}
  for key, value in pairs(fields) do
    copy[key] = value
  end
  return Set.new(copy)
end

-- Sizes ---------------------------------------------------------------------------------------------------------------

-- A split whose images have a black edge, the same on opposite sides.
local function padded_split(split, side)
  local n, h, w, c = table.unpack(split.images.shape)
  local images = core.zeros(n, side, side, c, {dtype = "uint8"})
  local top, left = (side - h) // 2, (side - w) // 2
  images:slice(2, top + 1, top + h):slice(3, left + 1, left + w):copy_(split.images)
  return Split.new(images, split.labels, split.factors)
end

--- A data set with its images padded by black to side x side, or nil and a message where they are larger.
function Set.padded(set, side)
  check.arguments("padded", "set:data side:count", set, side)
  side = check.value("padded: side", side, check.whole(1))
  local h, w, c = table.unpack(set.shape)
  if side < h or side < w then
    return nil, text.message("%s: images of %d x %d do not fit into %d x %d", set.name, h, w, side, side)
  end
  local copy = like(set, {
    shape = {side, side, c}, train = padded_split(set.train, side), test = padded_split(set.test, side),
  })
  copy.contents = nil
  return copy
end

-- Classes -------------------------------------------------------------------------------------------------------------

-- A split without the images of one class.
local function split_without(split, label)
  local kept = {}
  for i, value in ipairs(split.labels:totable()) do
    if value ~= label then kept[#kept + 1] = i end
  end
  if #kept == 0 then return nil end
  local rows = core.tensor(kept)
  return Split.new(split.images:index_select(rows), split.labels:index_select(rows),
    split.factors and split.factors:index_select(rows))
end

--- A data set whose training images are without those of one class, named as in set.classes; its test images stay. Or
-- nil and a message.
function Set.without(set, class)
  check.arguments("without", "set:data class:text", set, class)
  local label
  for i, name in ipairs(set.classes) do
    if name == class then label = i end
  end
  if not label or not set.train.labels then
    return nil, text.message("%s has no class %s to leave out; it has %s", set.name, class, set.train.labels
      and text.list(set.classes) or "no labels")
  end
  local train = split_without(set.train, label)
  if not train then return nil, text.message("%s: nothing is left without %s", set.name, class) end
  local copy = like(set, {train = train, drawn = set.drawn and ("%s without %s"):format(set.drawn, class)})
  copy.contents = nil
  return copy
end

-- The place of each of some names among others, which it may be spelt like as a folder; nil and the first that is not
-- there.
local function places_of(names, others)
  local place, places = {}, {}
  for i, name in ipairs(text.folder_names(others)) do
    place[name] = i
  end
  for i, name in ipairs(others) do
    place[name] = i
  end
  for i, name in ipairs(names) do
    places[i] = place[name]
    if not places[i] then return nil, name end
  end
  return places
end

local function in_order(places, names)
  for i, place in ipairs(places) do
    if place ~= i then return false end
  end
  return #places == #names
end

-- The set with label i become places[i], that of its class among the names.
local function renumbered(set, places, names)
  local parts = {classes = names, numbers = set.numbers and false}
  for _, part in ipairs {"train", "test"} do
    local split = set[part]
    parts[part] = Split.new(split.images, core.tensor(places):index_select(split.labels), split.factors)
  end
  return like(set, parts)
end

-- Are classes called by their numbers, for want of names?
local function are_numbers(names, numbers)
  for i, number in ipairs(numbers) do
    if names[i] ~= tostring(number - 1) then return false end
  end
  return true
end

-- A set whose model does not name its classes.
local function by_number(set, count)
  if not count then return set end
  local numbers, names, most = set.numbers, {}, 0
  for i, class in ipairs(set.classes) do
    local number = numbers and numbers[i] or i
    names[number], most = class, math.max(most, number)
  end
  if most > count then
    return nil, text.message("%s has %d classes (%s), the model learned %d, which it does not name", set.name,
      #set.classes, text.list(set.classes), count)
  end
  for i = 1, count do
    names[i] = names[i] or tostring(i - 1)
  end
  if numbers then set = renumbered(set, numbers, names) end
  return set, text.message("the model does not name its classes: those of %s (%s) are matched by number", set.name,
    text.list(set.classes))
end

-- The places of a set's classes among a model's by their numbers in files, where either has no names for them.
local function places_by_number(set, model)
  if not set.numbers or not model.numbers then return nil end
  if not are_numbers(set.classes, set.numbers) and not are_numbers(model.names, model.numbers) then return nil end
  local place, places = {}, {}
  for i, number in ipairs(model.numbers) do
    place[number] = i
  end
  for i, number in ipairs(set.numbers) do
    places[i] = place[number]
    if not places[i] then return nil end
  end
  return places
end

--- A data set with its labels in the numbering of a model, by the classes' names: labels mean what the model learned,
-- whatever their order or number in the set, which may lack some of them. model: {names = its classes, nil of a model
-- that does not name them; numbers = as the set's that it learned from, or nil; count = how many it tells apart or is
-- told of, nil of a model that is told none, which a set with other classes fits as well}. Returns the set and, where
-- labels are matched by number, a line that says so; or nil and a message with both lists.
function Set.matched(set, model)
  check.arguments("matched", "set:data model:table", set, model)
  local names, count = model.names, model.count
  if #set.classes == 0 or not set.train.labels then
    if not count then return set end
    return nil, text.message("%s has no labels, the model has %d classes%s", set.name, count,
      names and ": " .. text.list(names) or "")
  end
  if not names then return by_number(set, count) end
  local places, unknown = places_of(set.classes, names)
  if places then return in_order(places, names) and set or renumbered(set, places, names) end
  places = places_by_number(set, model)
  if places then
    return renumbered(set, places, names), text.message("the classes of %s (%s) are matched by number with the model's "
      .. "(%s)", set.name, text.list(set.classes), text.list(names))
  end
  if not count then return set end
  return nil, text.message("the classes of %s (%s) are not those that the model learned (%s): it knows no '%s'",
    set.name, text.list(set.classes), text.list(names), unknown)
end

-- What tells sets apart -----------------------------------------------------------------------------------------------

--- A text that is another one where images, labels or their order are, wherever the set is kept. All bytes of all
-- images count (of a folder of images: of the decoded ones); of a set that is drawn by program, its name and seed.
function Set.fingerprint(set)
  check.arguments("fingerprint", "set:data", set)
  local facts = {set.train.count, set.test.count, table.concat(set.shape, "x"), set.drawn}
  if not set.drawn then
    facts[4] = set.contents
      or ("%016x"):format(core.hash_rows(set.test.images, core.hash_rows(set.train.images)))
    for _, split in ipairs {set.train, set.test} do
      facts[#facts + 1] = split.labels and core.hash_rows(split.labels) or "unlabeled"
    end
  end
  return ("%016x"):format(core.hash(table.concat(facts, " ")))
end

return Set
