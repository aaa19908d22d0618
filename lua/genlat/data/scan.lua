--- scan.lua: which images are in a folder: their names, classes and order, and whether they have changed.
--
-- Images stand in the order of their names' hashes: mixed, and the same wherever and whenever the folder is read, so
-- that a test set that is a share of them is always the same one.

local core = require "genlat.core"
local text = require "genlat.text"

local scan = {}

local MOST = 1 << 24 -- labels and orders are float32, which count so far
local MOST_FOLDERS = 1 << 18 -- links that lead to each other make many of few

-- What folders are called that hold the two parts of a set, in any case; of several for testing the first is taken.
local TRAIN = {"train", "training"}
local TEST = {"test", "testing", "val", "valid", "validation", "eval", "evaluation", "dev"}

-- Image files that are not read.
local FORMATS = {
  jpg = "JPEG", jpeg = "JPEG", jpe = "JPEG", jfif = "JPEG", gif = "GIF", bmp = "BMP", webp = "WebP", tif = "TIFF",
  tiff = "TIFF", heic = "HEIC", avif = "AVIF", ppm = "PPM", pgm = "PGM", jp2 = "JPEG 2000",
}

-- What systems and archivers leave in folders; so do hidden files.
local LITTER = {["thumbs.db"] = true, ["desktop.ini"] = true, ["__macosx"] = true}

-- Reading the tree ----------------------------------------------------------------------------------------------------

local function add_file(node, left, name, stamp)
  local ending = name:lower():match "%.([^.]*)$"
  if ending == "png" then
    node.names[#node.names + 1], node.stamps[#node.stamps + 1] = name, stamp
  elseif FORMATS[ending] then
    left.formats[FORMATS[ending]] = (left.formats[FORMATS[ending]] or 0) + 1
  else
    left.others = left.others + 1
  end
end

local read_tree

local function add_folder(node, left, name, above, skip)
  local path = node.path .. "/" .. name
  local real = core.real_path(path)
  if above[real] then
    left.loops[#left.loops + 1] = path
    return true
  end
  above[real] = true
  local folder, message = read_tree(path, left, above, skip)
  above[real] = nil
  if not folder then
    if not skip then return nil, message end
    left.unreadable[#left.unreadable + 1] = path
    return true
  end
  folder.name = name
  node.folders[#node.folders + 1] = folder
  node.count = node.count + folder.count
  return true
end

-- A folder: {path =, names = its PNG files', stamps =, folders = those in it, count = of the images in all of it}; nil
-- and a message. above: the real paths of the folders around it; skip: leave out folders that cannot be listed.
function read_tree(path, left, above, skip)
  local names, stamps, newest = core.list_folder(path)
  if not names then return nil, stamps end
  local node = {path = path, names = {}, stamps = {}, folders = {}, count = 0}
  left.folders = left.folders + 1
  if left.folders > MOST_FOLDERS then return nil, ("%s: more than %d folders in all"):format(path, MOST_FOLDERS) end
  left.newest = math.max(left.newest or newest, newest)
  for i, name in ipairs(names) do
    if name:sub(1, 1) ~= "." and not LITTER[name:lower()] then
      if stamps[i] then
        add_file(node, left, name, stamps[i])
      else
        local ok, message = add_folder(node, left, name, above, skip)
        if not ok then return nil, message end
      end
    end
  end
  node.count = node.count + #node.names
  return node
end

-- The tree below a path, and what is left out of it. Where a file changed just now it is read once more a little later,
-- so that the next change gives the file another time.
local function tree_of(path, skip)
  local node, left
  repeat
    left = {formats = {}, others = 0, empty = {}, loops = {}, unreadable = {}, parts = {}, folders = 0}
    local message
    node, message = read_tree(path, left, {[core.real_path(path)] = true}, skip)
    if not node then return nil, message end
  until not core.settle(left.newest)
  return node, left
end

-- The folders in it that hold images.
local function with_images(node)
  local list = {}
  for _, folder in ipairs(node.folders) do
    if folder.count > 0 then list[#list + 1] = folder end
  end
  return list
end

-- The folder in it that holds all images, itself in folders, as archives unpack; nil where the set begins here.
local function inner_folder(node, left)
  local inner = with_images(node)
  if #node.names > 0 or #inner ~= 1 or #inner[1].names > 0 then return nil end
  for _, folder in ipairs(node.folders) do
    if folder ~= inner[1] then left.empty[#left.empty + 1] = folder.path end
  end
  return inner[1]
end

-- Parts ---------------------------------------------------------------------------------------------------------------

-- "12 JPEG files, 3 GIF files"
local function formats_text(left)
  local words = {}
  for format, n in pairs(left.formats) do
    words[#words + 1] = text.count(n, format .. " file")
  end
  text.sort(words)
  return table.concat(words, ", ")
end

local function no_images(path, left)
  local formats = formats_text(left)
  return ("%s: there are no images in it: PNG files, also in subfolders, IDX files (train-images-idx3-ubyte, ...) or "
    .. "CIFAR-10's (data_batch_1.bin, ...)%s"):format(path, formats ~= ""
    and ("; the %s cannot be read: convert them to PNG"):format(formats) or "")
end

-- Adds all images of a folder to a part, their names with the way to them from the part's path.
local function add_images(part, node, way, label)
  for i, name in ipairs(node.names) do
    part.names[#part.names + 1], part.stamps[#part.names + 1] = way .. name, node.stamps[i]
    part.labels[#part.names] = label
  end
  for _, folder in ipairs(node.folders) do
    add_images(part, folder, way .. folder.name .. "/", label)
  end
end

local part_of

-- A part of the set: {path =, names = with the way from path, stamps =, classes = {names}, labels = {class of each
-- name} or nil}; nil and a message. Folders in a class belong to it.
function part_of(node, left)
  local below = inner_folder(node, left)
  if below then return part_of(below, left) end
  local inner = with_images(node)
  if #node.names > 0 and inner[1] then
    return nil, ("%s has images (%s) beside subfolders with images (%s): they are either with classes or without")
      :format(node.path, node.names[1], inner[1].name)
  end
  if node.count == 0 then return nil, no_images(node.path, left) end
  if node.count > MOST then return nil, ("%s: %d images, the limit is %d"):format(node.path, node.count, MOST) end
  local part = {path = node.path, names = {}, stamps = {}, classes = {}, labels = {}}
  for _, folder in ipairs(node.folders) do
    if folder.count > 0 then
      part.classes[#part.classes + 1] = folder.name
      add_images(part, folder, folder.name .. "/", #part.classes)
    else
      left.empty[#left.empty + 1] = folder.path
    end
  end
  if #part.classes == 0 then
    part.names, part.stamps, part.labels = node.names, node.stamps, nil
  end
  return part
end

-- One folder of images is no class: there is nothing to tell it from.
local function without_classes(part)
  part.classes, part.labels = {}, nil
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
  if #train.classes == 1 then
    without_classes(train)
    without_classes(test)
  end
  return true
end

-- The first of some folders with images (or, where there is none with any, without) that is called like one of the
-- words.
local function called(node, words)
  local bare
  for _, word in ipairs(words) do
    for _, folder in ipairs(node.folders) do
      if folder.name:lower() == word then
        if folder.count > 0 then return folder end
        bare = bare or folder
      end
    end
  end
  return bare
end

local function divided(node, train, test, left)
  for _, folder in ipairs(node.folders) do
    if folder ~= train and folder ~= test and folder.count > 0 then left.parts[#left.parts + 1] = folder end
  end
  if #node.names > 0 then left.beside = #node.names end
  local first, message = part_of(train, left)
  if not first then return nil, message end
  local second, problem = part_of(test, left)
  if not second then return nil, problem end
  local ok, difference = join_classes(first, second)
  if not ok then return nil, difference end
  return {first, second}
end

local parts_of

-- The parts train and test, or one that is divided later.
function parts_of(node, left)
  local train, test = called(node, TRAIN), called(node, TEST)
  if train and test then return divided(node, train, test, left) end
  if test and test.count > 0 then
    return nil, ("%s: there is a folder %s, but none called train: put the training images into one, or rename it")
      :format(node.path, test.name)
  end
  local below = inner_folder(node, left)
  if below then return parts_of(below, left) end
  local part, message = part_of(node, left)
  if not part then return nil, message end
  if #part.classes == 1 then without_classes(part) end
  return {part}
end

-- Order ---------------------------------------------------------------------------------------------------------------

-- The order of a part's images: by the hash of their names (its low bits give way to the place in the list).
local function sort_part(part)
  local order = {}
  for i, name in ipairs(part.names) do
    order[i] = core.hash(name) & -MOST * 2 | i
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
      key = core.hash(part.names[i], key + part.stamps[i])
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
    return place, parts[p].path .. "/" .. parts[p].names[parts[p].order[i]], parts[p]
  end
end

-- What is left out, in words, or nil.
local function left_text(left)
  local words = {}
  local function add(n, word) if n > 0 then words[#words + 1] = word end end
  local function folders(list, one, many)
    add(#list, #list == 1 and one:format(list[1]) or many:format(#list, list[1]))
  end
  local formats = formats_text(left)
  add(#formats, formats .. " (only PNG is read)")
  add(left.others, text.count(left.others, "other file"))
  for _, folder in ipairs(left.parts) do
    words[#words + 1] = ("%s/ with %s"):format(folder.name, text.count(folder.count, "image"))
  end
  add(left.beside or 0, ("%s beside the parts"):format(text.count(left.beside or 0, "image")))
  folders(left.empty, "the folder %s without images", "%d folders without images (%s, ...)")
  folders(left.loops, "the link %s to a folder around it", "%d links to folders around them (%s, ...)")
  folders(left.unreadable, "the folder %s, which cannot be listed", "%d folders that cannot be listed (%s, ...)")
  return #words > 0 and "left out: " .. table.concat(words, "; ") or nil
end

local function add_paths(list, node)
  for _, name in ipairs(node.names) do
    list[#list + 1] = node.path .. "/" .. name
  end
  for _, folder in ipairs(node.folders) do
    add_paths(list, folder)
  end
end

--- The paths of all images in a folder and the folders in it, sorted, whatever classes or parts these are.
-- Second: what is left out, in one line, or nil. nil and a message where there are none.
function scan.files(path)
  local node, left = tree_of(path)
  if not node then return nil, left end
  local list = {}
  add_paths(list, node)
  if #list == 0 then
    local formats = formats_text(left)
    return nil, path .. ": there are no PNG files in it" .. (formats ~= "" and (" (%s)"):format(formats) or "")
  end
  table.sort(list)
  return list, left_text(left)
end

--- What is in a folder: one part, or where it has folders for training and testing these two, as a list. A part: {path
-- =, names = with the way from path, stamps = {numbers that change when a file does}, labels = {class of each} or nil,
-- classes = {names}, order = {places in names}}. Second: what is left out, in one line, or nil. nil and a message where
-- it is no set of images. options: skip: leave out folders that cannot be listed, too.
function scan.folder(path, options)
  local node, left = tree_of(path, options and options.skip)
  if not node then return nil, left end
  local parts, message = parts_of(node, left)
  if not parts then return nil, message end
  for _, part in ipairs(parts) do
    sort_part(part)
  end
  return parts, left_text(left)
end

return scan
