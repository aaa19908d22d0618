--- data: data sets and their batches.
--
--   local digits = gl.data.load "digits"               -- built in, drawn by program
--   local mnist = gl.data.load "mnist"                 -- found as data.search says; `genlat fetch mnist` downloads it
--   local other = gl.data.load "folder/with/idx/files"
--   for step, x, labels in digits.train:batches {size = 128, seed = 1, epoch = 3} do ... end
--
-- A data set: {name =, shape = {H, W, C}, classes = {"0", ...}, train = split, test = split}. A split: {images = uint8
-- N x H x W x C, labels = float N (from 1: classes[label] is the name), count = N, factors = N x F (digits only)}.

local core = require "genlat.core"
local Split = require "genlat.data.split"
local fetch = require "genlat.data.fetch"

local data = {}

local digit_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

-- Names of classes, as published with the data set.
local class_names = {
  mnist = digit_names,
  ["fashion-mnist"] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  },
}

-- A data set prints its name, sizes and classes.
local function data_set(set)
  return setmetatable(set, {
    __tostring = function(self)
      return ("%s: %d training and %d test images of %s; classes %s"):format(self.name, self.train.count,
        self.test.count, table.concat(self.shape, " x "), table.concat(self.classes, ", "))
    end,
  })
end

-- digits --------------------------------------------------------------------------------------------------------------

local DIGITS_SEED = 1000003 -- so that everybody's default digits are the same

local function draw_digits(count, seed, first)
  local images, labels, factors = core.digits(count, seed, first)
  return Split.new(images, labels:float(), factors)
end

-- Training images are those from the first on, test images lie far beyond, so that they never meet.
local function load_digits(options)
  local seed = options.seed or DIGITS_SEED
  return data_set {
    name = "digits", shape = {28, 28, 1}, classes = digit_names, factor_names = core.digits_factors(),
    train = draw_digits(options.train or 60000, seed, 1),
    test = draw_digits(options.test or 10000, seed, 1 << 40),
  }
end

-- IDX files -----------------------------------------------------------------------------------------------------------

local function find_file(folder, name)
  for _, ending in ipairs {"", ".gz"} do
    local path = ("%s/%s%s"):format(folder, name, ending)
    if core.file_kind(path) == "file" then return path end
  end
end

local function load_split(folder, prefix)
  local paths = {}
  for i, part in ipairs {"images-idx3", "labels-idx1"} do
    local name = ("%s-%s-ubyte"):format(prefix, part)
    paths[i] = find_file(folder, name)
    if not paths[i] then return nil, ("%s: there is no %s or %s.gz"):format(folder, name, name) end
  end
  local images, message = core.read_idx(paths[1])
  if not images then return nil, message end
  local labels, message2 = core.read_idx(paths[2])
  if not labels then return nil, message2 end
  if images.ndim ~= 3 then
    return nil, ("%s: images are N x H x W, these have %d axes"):format(paths[1], images.ndim)
  end
  if labels.ndim ~= 1 or #labels ~= #images then
    return nil, ("%s: %d images, but %s has labels for %d"):format(paths[1], #images, paths[2], #labels)
  end
  return Split.new(images:unsqueeze(4), labels + 1)
end

local function load_idx(folder, name)
  local train, message = load_split(folder, "train")
  if not train then return nil, message end
  local test, message2 = load_split(folder, "t10k")
  if not test then return nil, message2 end
  local classes = class_names[name]
  if not classes then
    classes = {}
    for i = 1, math.tointeger(train.labels:max():item()) do
      classes[i] = tostring(i - 1)
    end
  end
  local shape = train.images.shape
  return data_set {name = name, shape = {table.unpack(shape, 2)}, classes = classes, train = train, test = test}
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

local function known_names() return "digits, " .. table.concat(fetch.names(), ", ") end

--- Loads a data set: "digits" (built in; options train, test: how many images, seed), a name that `genlat fetch` knows,
-- or a folder with IDX files in MNIST's naming (train-images-idx3-ubyte, ..., plain or .gz).
-- Returns nil and a message where files are missing or damaged.
function data.load(name, options)
  if type(name) ~= "string" then error(("data.load: expected a name or a path, got %s"):format(type(name)), 2) end
  if name == "digits" then return load_digits(options or {}) end
  if core.file_kind(name) == "folder" then
    return load_idx(name, name:match("([^/]+)/*$") or name)
  end
  if not fetch.sets[name] then
    return nil, ("there is no data set called %s (%s), and no such folder"):format(name, known_names())
  end
  local folders = data.search(name)
  for _, folder in ipairs(folders) do
    if find_file(folder, "train-images-idx3-ubyte") then return load_idx(folder, name) end
  end
  return nil, ("%s is not here (looked in %s): download it with `genlat fetch %s`, or say where it is with --data PATH")
    :format(name, table.concat(folders, ", "), name)
end

return data
