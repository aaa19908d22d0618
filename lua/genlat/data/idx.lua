--- idx.lua: data sets in IDX files, the format of MNIST, plain or gzip-compressed: images N x H x W and labels N,
-- bytes.
--
-- A file's name says what is in it: PREFIX train-images-idx3-ubyte, PREFIX t10k-labels-idx1-ubyte, and so on, with any
-- of - . _ between the words ("train-images.idx3-ubyte"), test for t10k, and a prefix such as EMNIST's
-- "emnist-balanced-". A file PREFIX mapping.txt, as EMNIST has it, names the classes: a line "LABEL CODE ..." for each,
-- with the code of a character.

local core = require "genlat.core"
local Set = require "genlat.data.set"
local Split = require "genlat.data.split"
local text = require "genlat.text"

local idx = {}

local digit_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

-- Names of classes, as published with the data set.
local class_names = {
  mnist = digit_names,
  ["fashion-mnist"] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  },
}

local PARTS = {
  train = "train", training = "train", t10k = "test", test = "test", testing = "test", val = "test", valid = "test",
  validation = "test",
}
local USUAL = {train = "train", test = "t10k"} -- in MNIST's naming
local AXES = {images = "images-idx3", labels = "labels-idx1"}

-- Finding files -------------------------------------------------------------------------------------------------------

-- What a file's name says: its prefix, "train" or "test", "images" or "labels"; nil of any other file.
local function parse(name)
  local plain = name:lower():gsub("%.gz$", "")
  local head, kind = plain:match "^(.*)[-._]([%a]+)[-._]idx%d?[-._]ubyte$"
  if not head then head, kind = plain:match "^(.*)[-._]([%a]+)[-._]idx%d?$" end
  if not AXES[kind] then return nil end
  local prefix, part = head:match "^(.*)[-._](%w+)$"
  if not prefix then prefix, part = "", head end
  if PARTS[part] then return prefix, PARTS[part], kind end
end

-- Of two files of the same meaning: MNIST's own naming first, then what is not compressed.
local function is_better(name, other)
  local function rank(file)
    return (file:find "[-]idx%d[-]ubyte" and 0 or 2) + (file:lower():find "%.gz$" and 1 or 0)
  end
  return rank(name) < rank(other) or rank(name) == rank(other) and name < other
end

-- Is this a file of labels by what is in it: IDX with one axis, or compressed?
local function seems_labels(path)
  local file = io.open(path, "rb")
  local head = file and file:read(4) or ""
  if file then file:close() end
  return head:find "^%z%z[\8-\14]\1" ~= nil or head:find "^\x1f\x8b" ~= nil
end

local function add_file(found, prefix, part, kind, name)
  if not found[prefix] then
    found[prefix] = {train = {}, test = {}, beside = {}}
    found[#found + 1] = prefix
  end
  local set = found[prefix]
  local other = set[part][kind]
  local taken, left = other, name
  if not other or is_better(name, other) then taken, left = name, other end
  set[part][kind] = taken
  if left and left:gsub("%.gz$", "") ~= taken:gsub("%.gz$", "") then
    set.beside[#set.beside + 1] = ("%s (%s is taken)"):format(left, taken)
  end
end

-- The IDX files of a folder: {[prefix] = {train = {images = name, labels = name}, test = ..., beside = {files that are
-- not taken}}}, the prefixes as a list in it, and the names of other files that seem to hold labels.
local function find(place)
  local found, strange = {}, {}
  local names, kinds = core.list_folder(place)
  for i, name in ipairs(names or {}) do
    local prefix, part, kind = parse(name)
    if kinds[i] and prefix then
      add_file(found, prefix, part, kind, name)
    elseif kinds[i] and name:lower():find "label" and seems_labels(place .. "/" .. name) then
      strange[#strange + 1] = name
    end
  end
  text.sort(found)
  return found, strange
end

--- Are there IDX files in a folder? With a prefix: are there some with it?
function idx.is_in(place, prefix)
  local found = find(place)
  return found[prefix and prefix:lower() or found[1]] ~= nil
end

local INNER = {"raw", "gzip"} -- where torchvision and EMNIST's archive have them

--- The folder with IDX files: the one given or its subfolder raw or gzip; nil where none has any.
function idx.find(place)
  if idx.is_in(place) then return place end
  for _, name in ipairs(INNER) do
    local inner = place .. "/" .. name
    if core.file_kind(inner) == "folder" and idx.is_in(inner) then return inner end
  end
end

-- Reading -------------------------------------------------------------------------------------------------------------

local function missing(place, prefix, part, kind)
  local name = ("%s%s-%s-ubyte"):format(prefix == "" and "" or prefix .. "-", USUAL[part], AXES[kind])
  return ("%s: there is no %s or %s.gz"):format(place, name, name)
end

-- {images = uint8 N x H x W, labels = uint8 N or nil} of the files of one part.
local function read_part(place, files)
  local path = {}
  for kind, name in pairs(files) do
    path[kind] = place .. "/" .. name
  end
  local images, message = core.read_idx(path.images)
  if not images then return nil, message end
  if images.ndim ~= 3 then
    return nil, ("%s: images are N x H x W, these have %d axes"):format(path.images, images.ndim)
  end
  if not files.labels then return {images = images, path = path} end
  local labels, problem = core.read_idx(path.labels)
  if not labels then return nil, problem end
  if labels.ndim ~= 1 or #labels ~= #images then
    return nil, ("%s: %d images, but %s has labels for %d"):format(path.images, #images, path.labels, #labels)
  end
  return {images = images, labels = labels, path = path}
end

-- Which labels occur: {[label from 0] = how often}.
local function counts_of(labels)
  local counts = {}
  for _, label in ipairs(labels:totable()) do
    counts[label] = (counts[label] or 0) + 1
  end
  return counts
end

-- What does not go together in the two parts, or nil. Published classes are known without training images.
local function difference(train, test, published)
  local function size(images) return ("%d x %d"):format(images:size(2), images:size(3)) end
  if size(train.images) ~= size(test.images) then
    return ("%s: images of %s, those of %s are %s"):format(test.path.images, size(test.images), train.path.images,
      size(train.images))
  end
  if not train.labels or published then return nil end
  local greatest, beyond, count = train.labels:max():item(), {}, 0
  for label, n in pairs(counts_of(test.labels)) do
    if label > greatest then
      beyond[#beyond + 1] = label
      count = count + n
    end
  end
  text.sort(beyond)
  if count > 0 then
    return ("%s: %s of %s %s, of which there is no training image: take them out, or train on some")
      :format(test.path.labels, text.count(count, "test image"), #beyond == 1 and "label" or "labels",
        table.concat(beyond, ", "))
  end
end

-- Classes -------------------------------------------------------------------------------------------------------------

-- The names of labels in a mapping file: {[label] = character}; nil and a message where it is damaged.
local function read_mapping(path)
  local file, names = io.open(path, "rb"), {}
  if not file then return {} end
  local content = file:read(1 << 16) or ""
  file:close()
  for line in content:gmatch "[^\r\n]+" do
    local label, code = line:match "^%s*(%d+)%s+(%d+)"
    label, code = math.tointeger(tonumber(label)), math.tointeger(tonumber(code))
    if not (label and code) or label > 255 or code < 33 or code > 0x10FFFF then
      return nil, ("%s: expected lines of a label and the code of a character, not '%s'"):format(path, line:sub(1, 40))
    end
    names[label] = utf8.char(code)
  end
  return names
end

-- Labels beyond the published classes, or nil.
local function beyond(part, published)
  local greatest = math.tointeger(part.labels:max():item())
  if greatest < #published then return nil end
  return ("%s: there is a label %d, the classes have 0 to %d"):format(part.path.labels, greatest, #published - 1)
end

-- The classes of a set, and the number of each in the files, from 1: of MNIST's naming all up to the greatest, of the
-- others those that there are.
local function classes_of(parts, prefix, names)
  local train, test, classes, numbers = counts_of(parts.train.labels), counts_of(parts.test.labels), {}, {}
  for label = 0, math.tointeger(parts.train.labels:max():item()) do
    if train[label] or test[label] or prefix == "" then
      classes[#classes + 1], numbers[#numbers + 1] = names[label] or tostring(label), label + 1
    end
  end
  return classes, numbers
end

-- The labels (from 0) as a float tensor of places in `numbers`.
local function places_of(labels, numbers)
  local place = {}
  for i = 1, 256 do
    place[i] = 1
  end
  for i, number in ipairs(numbers) do
    place[number] = i
  end
  return core.tensor(place):index_select(labels:float() + 1)
end

-- The set -------------------------------------------------------------------------------------------------------------

-- The files of one data set with the name of each part's, all there; nil and a message.
local function choose(place, prefix, labeled)
  local found, strange = find(place)
  if not prefix then
    if #found > 1 then
      local list = {}
      for i, name in ipairs(found) do
        list[i] = name == "" and "one without a prefix" or name
      end
      return nil, ("%s: there are several data sets in it (%s): give each a folder of its own, or name one, as %s/%s")
        :format(place, table.concat(list, ", "), place, found[#found])
    end
    prefix = found[1]
  end
  local files = found[prefix:lower()]
  labeled = labeled or files.train.labels or files.test.labels
  for _, part in ipairs {"train", "test"} do
    if not files[part].images then return nil, missing(place, prefix, part, "images") end
    if not labeled and strange[1] then
      return nil, ("%s/%s: are these labels? Then call it %s"):format(place, strange[1],
        missing(place, prefix, part, "labels"):match "there is no (%S+)")
    end
    if labeled and not files[part].labels then return nil, missing(place, prefix, part, "labels") end
  end
  return files, prefix
end

--- Loads the set in a folder that idx.is_in. name: of the set, by which published classes are known. options: prefix,
-- of several sets in one folder; transpose: rows become columns, as EMNIST's images need. Without any file of labels it
-- is a set of images alone, unless it is known to have classes. nil and a message where files are missing, damaged or
-- do not go together.
function idx.load(place, name, options)
  local published = class_names[name]
  local files, prefix = choose(place, options.prefix, published)
  if not files then return nil, prefix end
  local parts = {}
  for _, part in ipairs {"train", "test"} do
    local read, message = read_part(place, files[part])
    if not read then return nil, message end
    parts[part] = read
    if options.transpose then read.images = read.images:permute {1, 3, 2}:contiguous() end
  end
  local problem = published and (beyond(parts.train, published) or beyond(parts.test, published))
    or difference(parts.train, parts.test, published)
  if problem then return nil, problem end
  local set = {name = name, path = core.real_path(place), classes = {}, notes = {}}
  for i, file in ipairs(files.beside) do
    set.notes[i] = ("%s: left out: %s"):format(name, file)
  end
  if parts.train.labels then
    local names, message = read_mapping(("%s/%s-mapping.txt"):format(place, prefix))
    if not names then return nil, message end
    set.classes, set.numbers = classes_of(parts, prefix, names)
    if published then set.classes, set.numbers = published, idx.numbers(#published) end
  end
  for key, part in pairs(parts) do
    set[key] = Split.new(part.images:unsqueeze(4), part.labels and places_of(part.labels, set.numbers))
  end
  set.shape = {table.unpack(set.train.images.shape, 2)}
  if prefix:find "^emnist" and not options.transpose then
    set.notes[#set.notes + 1] = name .. ": EMNIST's images lie with rows and columns exchanged (--transpose turns them)"
  end
  return Set.new(set)
end

--- {1, 2, ..., n}
function idx.numbers(n)
  local list = {}
  for i = 1, n do
    list[i] = i
  end
  return list
end

idx.digit_names = digit_names

return idx
