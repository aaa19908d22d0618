--- scan.lua: which images are in a folder: their names, classes and order, and whether they have changed.
--
-- Images stand in the order of their names' hashes: mixed, and the same wherever and whenever the folder is read, so
-- that a test set that is a share of them is always the same one.

local core = require "genlat.core"

local scan = {}

local MOST = 1 << 24 -- labels and orders are float32, which count so far

-- The PNG files of a folder with their stamps, and its subfolders; hidden ones left out. nil and a message.
local function list_folder(path)
  local names, stamps = core.list_folder(path)
  if not names then return nil, stamps end
  local list = {names = {}, stamps = {}, folders = {}}
  for i, name in ipairs(names) do
    local hidden = name:sub(1, 1) == "."
    if not hidden and not stamps[i] then
      list.folders[#list.folders + 1] = name
    elseif not hidden and name:sub(-4):lower() == ".png" then
      list.names[#list.names + 1], list.stamps[#list.stamps + 1] = name, stamps[i]
    end
  end
  return list
end

-- Makes a part of the set of a folder's list: {path =, names =, stamps =, classes = {names}, labels = {class of each
-- name} or nil}.
local function read_part(path, part)
  part.path, part.classes = path, {}
  local labels = {}
  for _, class in ipairs(part.folders) do
    local list, problem = list_folder(path .. "/" .. class)
    if not list then return nil, problem end
    if #list.names > 0 and #labels < #part.names then
      return nil, ("%s has images (%s) beside subfolders with images (%s): they are either with classes or without")
        :format(path, part.names[1], class)
    end
    if #list.names > 0 then part.classes[#part.classes + 1] = class end
    for i, name in ipairs(list.names) do
      part.names[#part.names + 1], part.stamps[#part.stamps + 1] = name, list.stamps[i]
      labels[#part.names] = #part.classes
    end
  end
  if #part.names == 0 then
    return nil, path .. ": there are no images in it: PNG files, also in subfolders, IDX files " ..
      "(train-images-idx3-ubyte, ...) or CIFAR-10's (data_batch_1.bin, ...)"
  end
  if #part.names > MOST then return nil, ("%s: %d images, the limit is %d"):format(path, #part.names, MOST) end
  if labels[1] then part.labels = labels end
  return part
end

-- The parts train and test, or one that is to be divided.
local function read_parts(path)
  local list, message = list_folder(path)
  if not list then return nil, message end
  local there = {}
  for _, name in ipairs(list.folders) do
    there[name] = true
  end
  if not (there.train and there.test) then
    local part, problem = read_part(path, list)
    return part and {part}, problem
  end
  local parts = {}
  for i, name in ipairs {"train", "test"} do
    local place = path .. "/" .. name
    list, message = list_folder(place)
    if not list then return nil, message end
    parts[i], message = read_part(place, list)
    if not parts[i] then return nil, message end
  end
  return parts
end

-- Gives the test images the class numbers of the training images.
local function join_classes(train, test)
  if (train.labels == nil) ~= (test.labels == nil) then
    local with, without = train, test
    if test.labels then with, without = test, train end
    return nil, ("%s has classes, %s has none"):format(with.path, without.path)
  end
  local number, new = {}, {}
  for i, class in ipairs(train.classes) do
    number[class] = i
  end
  for i, class in ipairs(test.classes) do
    new[i] = number[class]
    if not new[i] then return nil, ("%s has a class %s, %s has none"):format(test.path, class, train.path) end
  end
  for i, label in ipairs(test.labels or {}) do
    test.labels[i] = new[label]
  end
  test.classes = train.classes
  return true
end

local function relative(part, i)
  return part.labels and part.classes[part.labels[i]] .. "/" .. part.names[i] or part.names[i]
end

-- The order of a part's images: by the hash of their names (its low bits give way to the place in the list).
local function sort_part(part)
  local order = {}
  for i = 1, #part.names do
    order[i] = core.hash(relative(part, i)) & -MOST * 2 | i
  end
  table.sort(order)
  for i, value in ipairs(order) do
    order[i] = value & MOST * 2 - 1
  end
  part.order = order
end

--- A number, as text, that is another one when a file has come, gone or changed.
function scan.key(parts)
  local key = #parts
  for _, part in ipairs(parts) do
    for _, i in ipairs(part.order) do
      key = core.hash(relative(part, i), key + part.stamps[i])
    end
    key = core.hash("", key)
  end
  return ("%016x"):format(key)
end

--- Walks through all images, part after part, in order: place, path, part.
function scan.each(parts)
  local place, p, i = 0, 1, 0
  return function()
    i = i + 1
    if i > #parts[p].order then
      p, i = p + 1, 1
      if not parts[p] then return nil end
    end
    place = place + 1
    return place, parts[p].path .. "/" .. relative(parts[p], parts[p].order[i]), parts[p]
  end
end

--- What is in a folder: one part, or where it has folders train and test these two, as a list. A part: {path =,
-- names =, stamps = {numbers that change when a file does}, labels = {class of each} or nil, classes = {names},
-- order = {places in names}}. nil and a message where it is no set of images.
function scan.folder(path)
  local parts, message = read_parts(path)
  if not parts then return nil, message end
  if parts[2] then
    local ok, difference = join_classes(parts[1], parts[2])
    if not ok then return nil, difference end
  end
  for _, part in ipairs(parts) do
    sort_part(part)
  end
  return parts
end

return scan
