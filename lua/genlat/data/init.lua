--- data: data sets and their batches.
--
--   local digits = gl.data.load "digits"               -- built in, drawn by program, as faces are
--   local mnist = gl.data.load "mnist"                 -- found as data.search says; `genlat fetch mnist` downloads it
--   local other = gl.data.load "folder/with/idx/files" -- or with PNG files
--   for step, x, labels in digits.train:batches {size = 128, seed = 1, epoch = 3} do ... end
--
-- A data set: {name =, shape = {H, W, C}, classes = {"0", ...}, train = split, test = split}. A split: {images = uint8
-- N x H x W x C, labels = float N (from 1: classes[label] is the name), count = N, factors = N x F (of digits and
-- faces only; column i is set.factor_names[i])}.
-- Images from a folder of PNG files are mapped from a file, and cannot be changed: see genlat/data/folder.lua.

local core = require "genlat.core"
local Split = require "genlat.data.split"
local cifar10 = require "genlat.data.cifar10"
local fetch = require "genlat.data.fetch"
local folder = require "genlat.data.folder"

local data = {}

local digit_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

-- Names of classes, as published with the data set.
local class_names = {
  mnist = digit_names,
  ["fashion-mnist"] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  },
}

local SHOWN = 12 -- how many names are printed

local function list(names)
  if #names <= SHOWN then return table.concat(names, ", ") end
  return ("%s, ... (%d)"):format(table.concat(names, ", ", 1, SHOWN), #names)
end

-- A data set prints its name, sizes, classes and factors; its splits know the classes' names.
local function data_set(set)
  set.train.classes, set.test.classes = set.classes, set.classes
  return setmetatable(set, {
    __tostring = function(self)
      local text = ("%s: %d training and %d test images of %s"):format(self.name, self.train.count, self.test.count,
        table.concat(self.shape, " x "))
      if #self.classes > 0 then text = ("%s; classes %s"):format(text, list(self.classes)) end
      return self.factor_names and ("%s; factors %s"):format(text, list(self.factor_names)) or text
    end,
  })
end

-- drawn by program ----------------------------------------------------------------------------------------------------

local SEED = 1000003 -- so that everybody's default digits and faces are the same

local function as_split(images, labels, factors) return Split.new(images, labels:float(), factors) end

-- Training images are those from the first on, test images lie far beyond, so that they never meet.
local TEST = 1 << 40

local function load_digits(options)
  local seed = options.seed or SEED
  return data_set {
    name = "digits", shape = {28, 28, 1}, classes = digit_names, factor_names = core.digits_factors(),
    train = as_split(core.digits(options.train or 60000, seed, 1)),
    test = as_split(core.digits(options.test or 10000, seed, TEST)),
  }
end

-- side and correlated of a name such as "faces", "faces64", "faces-correlated"; nil where it is another one's.
local function parse_faces(name)
  local side, rest = name:match "^faces(%d*)(.*)$"
  if rest ~= "" and rest ~= "-correlated" then return nil end
  return math.tointeger(side) or 32, rest ~= ""
end

local function load_faces(side, correlated, options)
  local seed = options.seed or SEED
  return data_set {
    name = "faces" .. (side == 32 and "" or side) .. (correlated and "-correlated" or ""),
    shape = {side, side, 3}, classes = core.faces_classes(), factor_names = core.faces_factors(),
    train = as_split(core.faces(options.train or 20000, seed, 1, side, correlated)),
    test = as_split(core.faces(options.test or 2000, seed, TEST, side, correlated)),
  }
end

--- Draws one face: side x side x 3, 0..1.
--   gl.write_png("laugh.png", gl.data.face({smile = 1, glasses = 1}, {side = 256}))
-- @param attributes  {smile =, skin =, ...}: any of smile and turn (-1 to 1), skin, hair_colour, hair_length, beard,
--                    glasses, eye_size and background (0 to 1); what is left out is as usual
-- @param options     side (32); like: a whole number from 1, for the look (shape of the head, clothes, curls and so on)
--                    of that training image of "faces"; seed: of another data set than the default one
function data.face(attributes, options)
  options = options or {}
  local image = core.face(attributes or {}, options.side, options.seed or SEED, options.like)
  return image:float() / 255
end

-- IDX files -----------------------------------------------------------------------------------------------------------

local function find_file(place, name)
  for _, ending in ipairs {"", ".gz"} do
    local path = ("%s/%s%s"):format(place, name, ending)
    if core.file_kind(path) == "file" then return path end
  end
end

local function load_split(place, prefix, labelled)
  local paths = {}
  for i, part in ipairs {"images-idx3", labelled and "labels-idx1" or nil} do
    local name = ("%s-%s-ubyte"):format(prefix, part)
    paths[i] = find_file(place, name)
    if not paths[i] then return nil, ("%s: there is no %s or %s.gz"):format(place, name, name) end
  end
  local images, message = core.read_idx(paths[1])
  if not images then return nil, message end
  if images.ndim ~= 3 then
    return nil, ("%s: images are N x H x W, these have %d axes"):format(paths[1], images.ndim)
  end
  if not labelled then return Split.new(images:unsqueeze(4)) end
  local labels, message2 = core.read_idx(paths[2])
  if not labels then return nil, message2 end
  if labels.ndim ~= 1 or #labels ~= #images then
    return nil, ("%s: %d images, but %s has labels for %d"):format(paths[1], #images, paths[2], #labels)
  end
  return Split.new(images:unsqueeze(4), labels + 1)
end

-- Without any file of labels it is a set of images alone, unless it is known to have classes.
local function load_idx(place, name)
  local labelled = class_names[name] or find_file(place, "train-labels-idx1-ubyte")
    or find_file(place, "t10k-labels-idx1-ubyte")
  local train, message = load_split(place, "train", labelled)
  if not train then return nil, message end
  local test, message2 = load_split(place, "t10k", labelled)
  if not test then return nil, message2 end
  local classes = class_names[name]
  if not classes then
    classes = {}
    for i = 1, labelled and math.tointeger(train.labels:max():item()) or 0 do
      classes[i] = tostring(i - 1)
    end
  end
  local shape = train.images.shape
  return data_set {name = name, shape = {table.unpack(shape, 2)}, classes = classes, train = train, test = test}
end

-- Folders -------------------------------------------------------------------------------------------------------------

local function has_idx(place)
  for _, part in ipairs {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"} do
    if find_file(place, part .. "-ubyte") then return true end
  end
end

-- The data set in a folder: IDX files, CIFAR-10's files, or else images.
local function load_folder(place, options)
  if has_idx(place) then return load_idx(place, place:match("([^/]+)/*$") or place) end
  local set, message
  local batches = cifar10.find(place)
  if batches then
    set, message = cifar10.load(batches)
  else
    set, message = folder.load(place, options)
  end
  return set and data_set(set), message
end

-- The data set of this name, if it is in the folder; nil and a message where it is damaged.
local function load_named(place, name)
  if name ~= "cifar10" then
    if has_idx(place) then return load_idx(place, name) end
    return nil
  end
  local batches = cifar10.find(place)
  if not batches then return nil end
  local set, message = cifar10.load(batches)
  return set and data_set(set), message
end

--- Where a data set of this name is looked for: $GENLAT_DATA/NAME, $GENLAT_DATA, and the cache folder that
-- `genlat fetch` downloads to.
function data.search(name)
  local folders = {}
  local own = os.getenv("GENLAT_DATA")
  if own and own ~= "" then folders = {own .. "/" .. name, own} end
  folders[#folders + 1] = fetch.folder(name)
  return folders
end

local function known_names()
  return "digits, faces, faces64, faces-correlated, " .. table.concat(fetch.names(), ", ")
end

-- Any of them.
local function load(name, options)
  if name == "digits" then return load_digits(options) end
  local side, correlated = parse_faces(name)
  if side then
    if options.correlated ~= nil then correlated = options.correlated end
    return load_faces(options.side or side, correlated, options)
  end
  if core.file_kind(name) == "folder" then
    return load_folder(name, options)
  end
  if not fetch.sets[name] then
    return nil, ("there is no data set called %s (%s), and no such folder"):format(name, known_names())
  end
  local folders = data.search(name)
  for _, place in ipairs(folders) do
    local set, message = load_named(place, name)
    if set or message then return set, message end
  end
  return nil, ("%s is not here (looked in %s): download it with `genlat fetch %s`, or say where it is with --data PATH")
    :format(name, table.concat(folders, ", "), name)
end

local function copy_of(set)
  local copy = {}
  for key, value in pairs(set) do
    copy[key] = value
  end
  return copy
end

-- A split whose images have a black edge, the same on opposite sides.
local function padded_split(split, side)
  local n, h, w, c = table.unpack(split.images.shape)
  local images = core.zeros(n, side, side, c, {dtype = "uint8"})
  local top, left = (side - h) // 2, (side - w) // 2
  images:slice(2, top + 1, top + h):slice(3, left + 1, left + w):copy_(split.images)
  return Split.new(images, split.labels, split.factors)
end

--- A data set with its images padded by black to side x side, or nil and a message where they are larger.
--
--   local set = gl.data.padded(gl.data.load "digits", 32)
function data.padded(set, side)
  local h, w, c = table.unpack(set.shape)
  if side < h or side < w then
    return nil, ("%s: images of %d x %d do not fit into %d x %d"):format(set.name, h, w, side, side)
  end
  local copy = copy_of(set)
  copy.shape, copy.train, copy.test = {side, side, c}, padded_split(set.train, side), padded_split(set.test, side)
  return data_set(copy)
end

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
--
--   local set = gl.data.without(gl.data.load "digits", "7")
function data.without(set, class)
  local label
  for i, name in ipairs(set.classes) do
    if name == class then label = i end
  end
  if not label or not set.train.labels then
    return nil, ("%s has no class %s to leave out; it has %s"):format(set.name, class, set.train.labels
      and table.concat(set.classes, ", ") or "no labels")
  end
  local copy = copy_of(set)
  copy.train = split_without(set.train, label)
  if not copy.train then return nil, ("%s: nothing is left without %s"):format(set.name, class) end
  return data_set(copy)
end

--- Loads a data set: a built-in one, a name that `genlat fetch` knows, or a folder: with IDX files in MNIST's naming
-- (train-images-idx3-ubyte, ..., plain or .gz; without files of labels, images alone), with CIFAR-10's binary files, or
-- with PNG files, whose options (size, channels, ...) are those of folder.load. Returns nil and a message where files
-- are missing or damaged.
-- The built-in ones take the options train, test (how many images) and seed:
--   "digits"  handwritten-like, 28 x 28, grey
--   "faces"   colour portraits, classes by the colour of the hair. Options: side (32; 16 to 512), correlated (false):
--             beards go with short hair and few smiles, glasses with dark skin. "faces64" is side = 64,
--             "faces-correlated" correlated = true, and so on.
-- And all of them:
--   size     a folder's images are brought to size x size, those of other data sets padded with black
--   without  the name of a class whose images are left out of the training ones
function data.load(name, options)
  if type(name) ~= "string" then error(("data.load: expected a name or a path, got %s"):format(type(name)), 2) end
  options = options or {}
  local set, message = load(name, options)
  local size = options.size -- of a folder's images it may be {height, width}, and is what they have already
  if set and math.type(size) == "integer" and (set.shape[1] ~= size or set.shape[2] ~= size) then
    set, message = data.padded(set, size)
  end
  if set and options.without then set, message = data.without(set, options.without) end
  return set, message
end

return data
