--- folder.lua: a folder of PNG files as a data set.
--
--   faces/a.png, faces/b.png, ...                            images without classes
--   pets/cats/a.png, pets/dogs/b.png, ...                    each subfolder is a class
--   pets/train/cats/a.png, ..., pets/test/cats/b.png, ...    with images of its own for testing
--
-- The images are decoded once, into a file of the cache folder that is mapped into memory (see cache.lua), and again
-- when a file was added, removed or changed. They stand in the order of their names' hashes: mixed, and the same
-- wherever and whenever the folder is read, so that a test set that is a share of them is always the same one.

local cache = require "genlat.data.cache"
local core = require "genlat.core"
local Split = require "genlat.data.split"
local fetch = require "genlat.data.fetch"

local folder = {}

local MOST = 1 << 24 -- labels and orders are float32, which count so far

-- Options -------------------------------------------------------------------------------------------------------------

-- A function that says what is wrong with a value that is none of those listed.
local function one_of(...)
  local list, text = {}, {}
  for i, value in ipairs {...} do
    list[value], text[i] = true, tostring(value)
  end
  return function(value, name)
    if not list[value] then return ("%s is %s, not %s"):format(name, table.concat(text, " or "), tostring(value)) end
  end
end

-- For each option, what is wrong with its value.
local checks = {
  channels = one_of(1, 3),
  fit = one_of("crop", "stretch", "none"),
  broken = one_of("fail", "skip"),
}

function checks.size(size)
  if type(size) ~= "table" then size = {size, size} end
  for i = 1, 2 do
    if math.type(size[i]) ~= "integer" or size[i] < 1 then
      return "size is a whole number from 1, or {height, width}"
    end
  end
end

function checks.background(value)
  if type(value) == "number" and value >= 0 and value <= 1 then return nil end
  return "background is a number from 0 (black) to 1 (white), not " .. tostring(value)
end

function checks.test(value)
  if math.type(value) == "integer" and value >= 1 then return nil end
  if math.type(value) == "float" and value > 0 and value < 1 then return nil end
  return "test is a number of images or a share between 0 and 1, not " .. tostring(value)
end

function checks.cache(value)
  if type(value) ~= "string" then return "cache is the path of a folder, not a " .. type(value) end
end

function checks.progress(value)
  if type(value) ~= "function" then return "progress is a function, not a " .. type(value) end
end

-- What is wrong with the options, or nil.
local function mistake(options)
  for name, value in pairs(options) do
    if not checks[name] then
      return ("a folder of images has no option '%s' (it has size, channels, fit, background, broken, test, cache and "
        .. "progress)"):format(tostring(name))
    end
    local problem = checks[name](value, name)
    if problem then return problem end
  end
  if not options.size and options.fit and options.fit ~= "none" then
    return ("fit = '%s' wants a size to fit to"):format(options.fit)
  end
end

-- The form that is asked for; height, width and channels may be left open.
local function form_of(options)
  local size = options.size or {}
  if type(size) ~= "table" then size = {size, size} end
  return {
    height = size[1], width = size[2], channels = options.channels, convert = options.channels ~= nil,
    fit = options.fit or (options.size and "crop" or "none"),
    background = math.floor((options.background or 1) * 255 + 0.5),
  }
end

-- What is there -------------------------------------------------------------------------------------------------------

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

-- One part of the set: {path =, names =, stamps =, classes = {names}, labels = {class of each name} or nil}.
local function read_part(path)
  local part, message = list_folder(path)
  if not part then return nil, message end
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
  local parts = {}
  for i, place in ipairs(there.train and there.test and {path .. "/train", path .. "/test"} or {path}) do
    parts[i], message = read_part(place)
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

-- A number that is another one when a file has come, gone or changed.
local function key_of(parts)
  local key = #parts
  for _, part in ipairs(parts) do
    for _, i in ipairs(part.order) do
      key = core.hash(relative(part, i), key + part.stamps[i])
    end
    key = core.hash("", key)
  end
  return ("%016x"):format(key)
end

-- Walks through all images in order: place, path, part.
local function each(parts)
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

-- Decoding ------------------------------------------------------------------------------------------------------------

-- Fills what the form leaves open from the first good image, whose path it returns; nil and a message.
local function complete_form(form, parts, broken)
  if form.height and form.channels then return "" end
  local first
  for _, path in each(parts) do
    local image, message = core.read_png(path)
    if image then
      local height, width, channels = table.unpack(image.shape)
      form.height, form.width = form.height or height, form.width or width
      form.channels = form.channels or (channels < 3 and 1 or 3)
      return path
    end
    if broken == "fail" then return nil, message end
    first = first or message
  end
  return nil, "no image can be read; the first: " .. first
end

-- Why an image that is not in the form stops everything. what: "is 30x20" or "is in color".
local function misfit(path, what, form, model, options)
  if not what:find("%d") then
    return ("%s %s, %s %s: say channels = 1 or channels = 3"):format(path, what, model,
      form.channels == 1 and "is grey" or "is in color")
  end
  local size = ("%dx%d"):format(form.height, form.width)
  if options.size then return ("%s %s, not %s, and fit = 'none'"):format(path, what, size) end
  return ("the images differ in size: %s is %s, %s %s: say which size they are to get, such as size = %d")
    :format(model, size, path, what, math.min(form.height, form.width))
end

-- Decodes all images into a file at `target`; returns its index, or nil and a message.
local function build(target, parts, form, key, options)
  local broken = options.broken or "fail"
  local model, message = complete_form(form, parts, broken)
  if not model then return nil, message end
  local file <close>, problem = core.create_file(target)
  if not file then return nil, problem end
  local index = {
    key = key, height = form.height, width = form.width, channels = form.channels, count = 0, train = 0, skipped = {},
  }
  local total = #parts[1].names + (parts[2] and #parts[2].names or 0)
  -- 16 MB at a time, and enough files for all threads
  local portion = math.max(64, math.min(1024, (16 << 20) // (form.height * form.width * form.channels)))
  local next_image = each(parts)
  for first = 1, total, portion do
    local paths, in_train = {}, 0
    for i = 1, math.min(portion, total - first + 1) do
      local _, path, part = next_image()
      paths[i] = path
      if part == parts[1] then in_train = i end
    end
    local images, problems = core.read_images(paths, form)
    index.train = index.train + in_train
    for i, path in ipairs(paths) do
      local what, text = table.unpack(problems[i] or {})
      if what == "misfit" then return nil, misfit(path, text, form, model, options) end
      if what == "memory" or (what and broken == "fail") then return nil, text end
      if what then
        index.skipped[#index.skipped + 1] = {first + i - 1, text}
        if i <= in_train then index.train = index.train - 1 end
      end
    end
    if images then
      index.count = index.count + #images
      local ok, why = file:write(images)
      if not ok then return nil, why end
    end
    if options.progress then options.progress(first + #paths - 1, total) end
  end
  if index.count == 0 then return nil, "no image can be read; the first: " .. index.skipped[1][2] end
  local ok, why = cache.finish(file, index)
  if not ok then return nil, why end
  core.memory_trim() -- what decoding needed is of no use to training
  return index
end

-- The file of decoded images and its index; nil and a message.
local function decoded(path, parts, options)
  local form = form_of(options)
  local place = options.cache or fetch.folder("images")
  local name = path:match("([^/]+)/*$") or "root"
  local facts = ("%s\0%s %s %s %s %d"):format(core.real_path(path), form.height, form.width, form.channels, form.fit,
    form.background)
  local target = ("%s/%s-%016x"):format(place, name, core.hash(facts))
  local key = key_of(parts)
  local index = cache.read(target, key)
  if index then return index, target end
  local made, message = core.mkdirs(place)
  if not made then return nil, message end
  index, message = build(target, parts, form, key, options)
  if not index then return nil, message end
  return index, target
end

-- The data set --------------------------------------------------------------------------------------------------------

-- The labels of the good images, in order; nil where there are no classes.
local function good_labels(parts, skipped)
  local bad, labels = {}, {}
  for _, item in ipairs(skipped) do
    bad[item[1]] = true
  end
  local place = 0
  for _, part in ipairs(parts) do
    if not part.labels then return nil end
    for _, i in ipairs(part.order) do
      place = place + 1
      if not bad[place] then labels[#labels + 1] = part.labels[i] end
    end
  end
  return core.tensor(labels)
end

-- How many of the images are for training.
local function training_count(index, divided, test)
  if divided then return index.train end
  local count = math.type(test) == "integer" and test or math.max(1, math.floor((test or 0.1) * index.count + 0.5))
  return index.count - count
end

local function make_split(target, index, first, last, labels)
  local images, message = cache.map(target, index, first, last)
  if not images then return nil, message end
  return Split.new(images, labels and labels:slice(1, first, last))
end

--- Loads a folder of images. Options:
--   size        n or {height, width}: what images of other sizes are brought to; without it all have to have one size
--   fit         "crop" (the usual): the largest part in the middle of the right proportions is scaled; "stretch": all
--               of it is; "none": images have to be of that size
--   channels    1: grey (BT.601 luma), 3: RGB; without it all have to be grey or all in color
--   background  what shows through transparent pixels: 1 white (the usual) .. 0 black
--   broken      "fail" (the usual): a broken file is an error that names it; "skip": it is left out and listed
--   test        how many images are for testing, a number or a share (0.1), where there are no folders train and test
--   cache       the folder to keep the decoded images in, instead of ~/.cache/genlat/images
--   progress    a function that is called with the numbers of files decoded so far and in all
-- Returns {name =, shape =, classes =, train =, test =, skipped = {messages}}; or nil and a message.
function folder.load(path, options)
  options = options or {}
  local problem = mistake(options)
  if problem then error("data.load: " .. problem, 3) end -- at the line that calls data.load
  local parts, message = read_parts(path)
  if not parts then return nil, message end
  local divided = #parts == 2
  if divided and options.test then error("data.load: test: " .. path .. " has a folder of its own for testing", 3) end
  if divided then
    local ok, difference = join_classes(parts[1], parts[2])
    if not ok then return nil, difference end
  end
  for _, part in ipairs(parts) do
    sort_part(part)
  end
  local index, target = decoded(path, parts, options)
  if not index then return nil, target end
  if index.skipped[1] and options.broken ~= "skip" then return nil, index.skipped[1][2] end
  local count = training_count(index, divided, options.test)
  if count < 1 or count >= index.count then
    return nil, ("%s: of %d images, %d are for training and %d for testing: at least one each is wanted"):format(path,
      index.count, math.max(count, 0), index.count - math.max(count, 0))
  end
  local labels = good_labels(parts, index.skipped)
  local set = {
    name = path:match("([^/]+)/*$") or path, classes = parts[1].classes,
    shape = {index.height, index.width, index.channels}, skipped = {},
  }
  set.train, message = make_split(target, index, 1, count, labels)
  if not set.train then return nil, message end
  set.test, message = make_split(target, index, count + 1, index.count, labels)
  if not set.test then return nil, message end
  for i, item in ipairs(index.skipped) do
    set.skipped[i] = item[2]
  end
  return set
end

return folder
