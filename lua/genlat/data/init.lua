--- data: data sets and their batches.
--
--   local digits = gl.data.load "digits"               -- built in, drawn by program, as faces are
--   local mnist = gl.data.load "mnist"                 -- found as data.search says; `genlat fetch mnist` downloads it
--   local other = gl.data.load "folder/with/idx/files" -- or with PNG files
--   for step, x, labels in digits.train:batches {size = 128, seed = 1, epoch = 3} do ... end
--
-- A data set: {name =, shape = {H, W, C}, classes = {"0", ...}, train = split, test = split}. A split: {images = uint8
-- N x H x W x C, labels = float N (from 1: classes[label] is the name), count = N, factors = N x F (of digits and
-- faces only; column i is set.factor_names[i])}. set.lua has the other fields.
-- Images from a folder of PNG files are mapped from a file, and cannot be changed: see genlat/data/folder.lua.

local check = require "genlat.check"
local core = require "genlat.core"
local Set = require "genlat.data.set"
local Split = require "genlat.data.split"
local cifar10 = require "genlat.data.cifar10"
local fetch = require "genlat.data.fetch"
local folder = require "genlat.data.folder"
local idx = require "genlat.data.idx"
local text = require "genlat.text"
local write = require "genlat.data.write"

local data = {padded = Set.padded, without = Set.without, matched = Set.matched, fingerprint = Set.fingerprint}

-- drawn by program ----------------------------------------------------------------------------------------------------

local SEED = 1000003 -- so that everybody's default digits and faces are the same

local function as_split(images, labels, factors) return Split.new(images, labels:float(), factors) end

-- Training images are those from the first on, test images lie far beyond, so that they never meet.
local TEST = 1 << 40

local function load_digits(options)
  local o = check.options("data.load", options, {
    train = {check.whole(1), 60000}, test = {check.whole(1), 10000}, seed = {check.seed, SEED},
  })
  return Set.new {
    name = "digits", shape = {28, 28, 1}, classes = idx.digit_names, factor_names = core.digits_factors(),
    drawn = ("digits %d"):format(o.seed),
    train = as_split(core.digits(o.train, o.seed, 1)), test = as_split(core.digits(o.test, o.seed, TEST)),
  }
end

-- side and correlated of a name such as "faces", "faces64", "faces-correlated"; nil where it is another one's.
local function parse_faces(name)
  local side, rest = name:match "^faces(%d*)(.*)$"
  if rest ~= "" and rest ~= "-correlated" then return nil end
  return math.tointeger(side) or 32, rest ~= ""
end

local function load_faces(given_side, given_correlated, options)
  local o = check.options("data.load", options, {
    train = {check.whole(1), 20000}, test = {check.whole(1), 2000}, seed = {check.seed, SEED},
    side = {check.whole(16, 512), given_side}, correlated = {check.flag, given_correlated},
  })
  local side, correlated = o.side, o.correlated
  local name = "faces" .. (side == 32 and "" or side) .. (correlated and "-correlated" or "")
  return Set.new {
    name = name, drawn = ("%s %d"):format(name, o.seed),
    shape = {side, side, 3}, classes = core.faces_classes(), factor_names = core.faces_factors(),
    train = as_split(core.faces(o.train, o.seed, 1, side, correlated)),
    test = as_split(core.faces(o.test, o.seed, TEST, side, correlated)),
  }
end

--- Draws one face: side x side x 3, 0..1.
--   gl.write_png("laugh.png", gl.data.face({smile = 1, glasses = 1}, {side = 256}))
-- @param attributes  {smile =, skin =, ...}: any of smile and turn (-1 to 1), skin, hair_colour, hair_length, beard,
--                    glasses, eye_size and background (0 to 1); what is left out is as usual
-- @param options     side (32); like: a whole number from 1, for the look (shape of the head, clothes, curls and so on)
--                    of that training image of "faces"; seed: of another data set than the default one
function data.face(attributes, options)
  check.arguments("face", "attributes:table? options:table?", attributes, options)
  local o = check.options("data.face", options, {
    side = {check.whole(16, 512)}, seed = {check.seed, SEED}, like = {check.whole(1)},
  })
  local image = core.face(attributes or {}, o.side, o.seed, o.like)
  return image:float() / 255
end

-- Kinds of sets -------------------------------------------------------------------------------------------------------

-- Their options, beside those of all: size, without and place.
local kinds = {
  drawn = {name = "sets that are drawn by program", takes = {"train", "test", "seed", "side", "correlated"}},
  idx = {name = "IDX files", takes = {"transpose"}},
  cifar10 = {name = "CIFAR-10's files", takes = {}},
  images = {
    name = "folders of images",
    takes = {"channels", "fit", "background", "broken", "test", "cache", "progress"},
  },
}
local FOR_ALL = {"size", "without", "place", "usual"}

local function has(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
end

-- The options that a kind of set takes; nil and a message about one that is for others. Unknown names raise.
local function options_for(kind, name, options)
  local own, takes = {}, kinds[kind].takes
  for key, value in pairs(options) do
    if not has(FOR_ALL, key) then
      for _, other in pairs(kinds) do
        if has(other.takes, key) and not has(takes, key) then
          return nil, text.message("%s: %s is an option of %s, these are %s", name, key, other.name, kinds[kind].name)
        end
      end
      if not has(takes, key) and kind ~= "images" then -- folder.load says it for images
        core.error("data.load: " .. text.unknown("option", key, {"size", "without", table.unpack(takes)}))
      end
      own[key] = value
    end
  end
  for key, value in pairs(options.usual or {}) do
    if own[key] == nil and has(takes, key) then own[key] = value end
  end
  return own
end

-- Folders -------------------------------------------------------------------------------------------------------------

local function load_idx(place, name, options, prefix)
  local own, message = options_for("idx", name, options)
  if not own then return nil, message end
  return idx.load(place, name, {transpose = own.transpose, prefix = prefix})
end

local function load_cifar10(place, options)
  local own, message = options_for("cifar10", place, options)
  if not own then return nil, message end
  return cifar10.load(place)
end

local function load_images(place, options)
  local own, message = options_for("images", place, options)
  if not own then return nil, message end
  own.size = options.size or options.usual and options.usual.size
  local set, problem = folder.load(place, own)
  return set and Set.new(set), problem
end

-- A path that means the same in every working folder. Links in it stay, so that they may be set anew.
local function absolute(path)
  if ("/" .. path .. "/"):find("/../", 1, true) then return core.real_path(path) end
  return path:sub(1, 1) == "/" and path or core.real_path "." .. "/" .. path
end

-- The data set in a folder: IDX files, CIFAR-10's files, or else images.
local function load_folder(place, options)
  local batches = cifar10.find(place)
  local half = write.unfinished(place)
  if half then return nil, half end
  local set, message
  local files = idx.find(place)
  if files then
    set, message = load_idx(files, place:match("([^/]+)/*$") or place, options)
  elseif batches then
    set, message = load_cifar10(batches, options)
  else
    set, message = load_images(place, options)
  end
  if set then set.source = absolute(place) end
  return set, message
end

-- One of several sets of IDX files in a folder, by their prefix: FOLDER/emnist-letters. nil where there is none.
local function load_prefixed(name, options)
  local place, prefix = name:match "^(.*)/([^/]+)$"
  if not place or place == "" or core.file_kind(place) ~= "folder" or not idx.is_in(place, prefix) then return nil end
  local set, message = load_idx(place, prefix, options, prefix)
  if set then set.source = absolute(name) end
  return set, message
end

-- The data set of this name, if it is in the folder; nil and a message where it is damaged.
local function load_named(place, name, options)
  if name ~= "cifar10" then
    if not idx.is_in(place) then return nil end
    return load_idx(place, name, options)
  end
  local batches = cifar10.find(place)
  if not batches then return nil end
  return load_cifar10(batches, options)
end

--- Where a data set of this name is looked for: $GENLAT_DATA/NAME, $GENLAT_DATA, and the cache folder that
-- `genlat fetch` downloads to; and in `place`, where it was before (may be left out).
function data.search(name, place)
  check.arguments("search", "name:text", name)
  local folders = {}
  local own = os.getenv("GENLAT_DATA")
  if own and own ~= "" then folders = {own .. "/" .. name, own} end
  folders[#folders + 1] = fetch.folder(name)
  folders[#folders + 1] = place
  return folders
end

local function known_names()
  return "digits, faces, faces64, faces-correlated, " .. table.concat(fetch.names(), ", ")
end

-- A data set that is drawn by program; nil and a message where an option is for others.
local function load_drawn(name, side, correlated, options)
  local own, message = options_for("drawn", name, options)
  if not own then return nil, message end
  if name == "digits" then return load_digits(own) end
  return load_faces(side, correlated, own)
end

-- Any of them.
local function load(name, options)
  local side, correlated = parse_faces(name)
  if name == "digits" or side then return load_drawn(name, side, correlated, options) end
  if core.file_kind(name) == "folder" then return load_folder(name, options) end
  local prefixed, problem = load_prefixed(name, options)
  if prefixed or problem then return prefixed, problem end
  if not fetch.sets[name] then
    return nil, text.message("there is no data set called %s (%s), and no such folder", name, known_names())
  end
  local folders = data.search(name, options.place)
  for _, place in ipairs(folders) do
    local set, message = load_named(place, name, options)
    if set or message then return set, message end
  end
  return nil, text.message("%s is not here (looked in %s): download it with `genlat fetch %s`, or say where it is with "
    .. "--data PATH", name, table.concat(folders, ", "), name)
end

local SIZE = check.that(check.either(check.whole(1), check.list(check.whole(1), {count = 2})),
  "a whole number from 1, or {height, width}")
local USUAL = check.optional(check.record {size = check.optional(SIZE)})

local function copy_of(options)
  local copy = {}
  for key, value in pairs(options) do
    copy[key] = value
  end
  return copy
end

--- Loads a data set: a built-in one, a name that `genlat fetch` knows, or a folder: with IDX files, named as MNIST's or
-- EMNIST's (train-images-idx3-ubyte, ..., plain or .gz; without files of labels, images alone), with CIFAR-10's binary
-- files, or with PNG files. Returns nil and a message where files are missing, damaged or do not go together. What is
-- left out of a folder, and what else is worth saying, is listed in set.notes.
-- The built-in ones take the options train, test (how many images) and seed:
--   "digits"  handwritten-like, 28 x 28, grey
--   "faces"   colour portraits, classes by the colour of the hair. Options: side (32; 16 to 512), correlated (false):
--             beards go with short hair and few smiles, glasses with dark skin. "faces64" is side = 64,
--             "faces-correlated" correlated = true, and so on.
-- Folders of PNG files those of folder.load: channels, fit, background, broken, test, cache, progress. IDX files:
--   transpose  true: rows become columns, as EMNIST's images need
-- And all of them:
--   size     a folder's images are brought to size x size, those of other data sets padded with black
--   without  the name of a class whose images are left out of the training ones
--   place    a further folder to look in for a set that `genlat fetch` knows
--   usual    {size =, channels =, ...}: what these options are, where the kind of set has them and they are left out
-- set.source is the name that loads it from any working folder.
function data.load(name, options)
  if type(name) ~= "string" then check.fail("data.load: expected a name or a path, got %s", type(name)) end
  check.value("data.load: the options", options or {}, check.table)
  options = copy_of(options or {})
  check.value("data.load: usual", options.usual, USUAL)
  options.size = options.size ~= nil and check.value("data.load: size", options.size, SIZE) or nil
  local set, message = load(name, options)
  local size = options.size -- of a folder's images it may be {height, width}, and is what they have already
  local usual = options.usual and options.usual.size
  if type(usual) == "number" then usual = {usual, usual} end
  if set and not size and usual and usual[1] == usual[2] and set.shape[1] <= usual[1] and set.shape[2] <= usual[2] then
    size = usual[1]
  end
  if set and math.type(size) == "integer" and (set.shape[1] ~= size or set.shape[2] ~= size) then
    set, message = data.padded(set, size)
  end
  if set and options.without then set, message = data.without(set, options.without) end
  if not set then return nil, text.shown(message) end -- names of files and classes may hold anything
  for i, note in ipairs(set.notes) do
    set.notes[i] = text.shown(note)
  end
  set.source = set.source or name
  return set
end

return data
