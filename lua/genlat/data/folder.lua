--- folder.lua: a folder of PNG files as a data set.
--
--   faces/a.png, faces/b.png, ...                            images without classes
--   pets/cats/a.png, pets/dogs/b.png, ...                    each subfolder is a class
--   pets/train/cats/a.png, ..., pets/test/cats/b.png, ...    with images of its own for testing
--
-- The parts may be called training, and testing, val, valid, validation, eval, evaluation or dev, in any case. Folders
-- inside a class belong to it; one folder alone is no class; one that holds all others is passed through. What is left
-- out (files of other formats, empty folders, a third part) is counted in set.notes.
--
-- The images are decoded once, into a file of the cache folder that is mapped into memory (see cache.lua), and again
-- when a file was added, removed or changed. Where the cache folder cannot be written, they are decoded into memory.

local cache = require "genlat.data.cache"
local check = require "genlat.check"
local core = require "genlat.core"
local Split = require "genlat.data.split"
local fetch = require "genlat.data.fetch"
local scan = require "genlat.data.scan"
local text = require "genlat.text"

local folder = {}

local MOST_SIDE = 1 << 16 -- pixels

-- Options -------------------------------------------------------------------------------------------------------------

local OPTIONS = {
  size = {check.that(check.either(check.whole(1), check.list(check.whole(1), {count = 2})),
    "a whole number from 1, or {height, width}")},
  channels = {check.word {1, 3}}, fit = {check.word {"crop", "stretch", "none"}},
  broken = {check.word {"fail", "skip"}, "fail"},
  background = {check.that(check.number {least = 0, most = 1}, "a number from 0 (black) to 1 (white)"), 1},
  test = {check.that(check.number {above = 0}, "a number of images or a share between 0 and 1", function(value)
    return value < 1 or value % 1 == 0 and (value > 1 or math.type(value) == "integer") -- 1.0 could be either
  end)},
  cache = {check.text}, progress = {check.callable},
}

-- The options, checked.
local function read_options(options)
  local o = check.options("data.load", options, OPTIONS)
  if not o.size and o.fit and o.fit ~= "none" then check.fail("data.load: fit = '%s' needs a size to fit to", o.fit) end
  return o
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

-- Decoding ------------------------------------------------------------------------------------------------------------

local function none_good(message) return "no image can be read; the first: " .. message end

-- Fills what the form leaves open from the first good image, whose path it returns; nil and a message.
local function complete_form(job)
  local form = job.form
  if form.height and form.channels then return "" end
  local first
  for _, path in scan.each(job.parts) do
    local image, message = core.read_png(path)
    if image then
      local height, width, channels = table.unpack(image.shape)
      if not form.height and math.max(height, width) > MOST_SIDE then
        return nil, ("%s is %dx%d: say which size images are to get"):format(path, height, width)
      end
      form.height, form.width = form.height or height, form.width or width
      form.channels = form.channels or (channels < 3 and 1 or 3)
      return path
    end
    if not job.skip then return nil, message end
    first = first or message
  end
  return nil, none_good(first)
end

-- Why an image that is not in the form stops everything. what: "is 30x20" or "is in color".
local function misfit(path, what, job)
  local form = job.form
  if not what:find("%d") then
    return ("%s %s, %s %s: say channels = 1 or channels = 3"):format(path, what, job.model,
      form.channels == 1 and "is grey" or "is in color")
  end
  local size = ("%dx%d"):format(form.height, form.width)
  if job.size_given then return ("%s %s, not %s, and fit = 'none'"):format(path, what, size) end
  return ("the images differ in size: %s is %s, %s %s: say which size they are to get, such as size = %d")
    :format(job.model, size, path, what, math.min(form.height, form.width))
end

-- Decodes the next files (next_image: of scan.each) into the store; adds to the index what became of them. Returns how
-- many they were; nil and a message.
local function add_images(store, index, next_image, portion, job)
  local paths, places, trains = {}, {}, {}
  for i = 1, portion do
    local place, path, part = next_image()
    if not place then break end
    paths[i], places[i], trains[i] = path, place, part == job.parts[1]
  end
  local images, problems = core.read_images(paths, job.form)
  for i, path in ipairs(paths) do
    local what, why = table.unpack(problems[i] or {})
    if what == "misfit" then return nil, misfit(path, why, job) end
    if what == "memory" or (what and not job.skip) then return nil, why end
    if what then
      index.skipped[#index.skipped + 1] = {places[i], why}
    elseif trains[i] then
      index.train = index.train + 1
    end
  end
  if images then
    index.count = index.count + #images
    index.contents = core.hash_rows(images, index.contents)
    local ok, message = store:write(images)
    if not ok then return nil, job.advice(message) end
  end
  return #paths
end

-- Decodes all images into what open(index, most) returns: a store for at most so many images, with write and close.
-- Returns the index; nil and a message. job: {parts =, form =, skip = broken ones, size_given =, progress =, advice = a
-- message about the cache with what moves it}; model is set: which image the form is of
local function build(open, job, key)
  local form, parts = job.form, job.parts
  local model, message = complete_form(job)
  if not model then return nil, message end
  job.model = model
  local index = {
    key = key, height = form.height, width = form.width, channels = form.channels, count = 0, train = 0, contents = 0,
    skipped = {},
  }
  local total = #parts[1].names + (parts[2] and #parts[2].names or 0)
  local store <close>, problem = open(index, total)
  if not store then return nil, problem end
  -- 16 MB at a time, and some files for each thread
  local portion = math.min(1024, (16 << 20) // (form.height * form.width * form.channels))
  portion = math.max(portion, 2 * core.threads())
  local next_image, done = scan.each(parts), 0
  while done < total do
    local count, why = add_images(store, index, next_image, portion, job)
    if not count then return nil, why end
    done = done + count
    if job.progress then job.progress(done, total) end
  end
  if index.count == 0 then return nil, none_good(index.skipped[1][2]) end
  index.contents = ("%016x"):format(index.contents)
  local ok, why = cache.finish(store, index)
  if not ok then return nil, job.advice(why) end
  core.memory_trim() -- what decoding needed is of no use to training
  return index
end

local function last_name(path) return path:match("([^/]+)/*$") or "root" end

-- The images in memory, where the cache cannot be written because of `why`; as decoded.
local function in_memory(job, key, why)
  local memory
  local index, message = build(function(index, most)
    memory, why = cache.memory(index, most, why)
    return memory, why
  end, job, key)
  if not index then return nil, message end
  return index, function(first, last) return memory:images(first, last) end, memory.note
end

-- The index of the decoded images, a function that returns those from first to last, and a note on where they are, or
-- nil; nil and a message.
local function decoded(path, parts, options)
  local form, place = form_of(options), options.cache or fetch.folder("images")
  local facts = ("%s\0%s %s %s %s %d"):format(path, form.height, form.width, form.channels, form.fit, form.background)
  local target = ("%s/%s-%016x"):format(place, last_name(path):sub(1, 100), core.hash(facts))
  local key = scan.key(parts)
  local index = cache.read(target, key)
  local function mapped(first, last) return cache.map(target, index, first, last) end
  if index and (options.broken == "skip" or not index.skipped[1]) then return index, mapped end
  local job = {
    parts = parts, form = form, skip = options.broken == "skip", size_given = options.size ~= nil,
    progress = options.progress, advice = options.cache and tostring or cache.advice,
  }
  local made, message = cache.prepare(place)
  if not made then
    if options.cache then return nil, message end
    return in_memory(job, key, cache.advice(message))
  end
  index, message = build(function() return core.create_file(target) end, job, key)
  if not index then return nil, message end
  return index, mapped
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
  local share = math.max(1, math.floor((test or 0.1) * index.count + 0.5))
  local count = test and test >= 1 and math.tointeger(test) or share
  return index.count - count
end

local function make_split(images_of, first, last, labels)
  local images, message = images_of(first, last)
  if not images then return nil, message end
  return Split.new(images, labels and labels:slice(1, first, last))
end

-- What there is to say of the set: files and folders left out, broken ones, where the images are.
local function add_notes(set, left, where)
  local function add(note) if note then set.notes[#set.notes + 1] = ("%s: %s"):format(set.name, note) end end
  local n = #set.skipped
  add(left)
  add(n > 0 and ("left out: %s (%s%s)"):format(text.count(n, "broken file"), set.skipped[1],
    n == 1 and "" or "; ...") or nil)
  add(where)
end

--- Reads PNG files in one form: uint8 N x H x W x C; or nil and a message about the first that cannot be read. Options:
-- size, channels (both wanted), fit and background, as load has them.
function folder.read(paths, options)
  local images, problems = core.read_images(paths, form_of(check.options("read", options, OPTIONS)))
  for i = 1, #paths do
    if problems[i] then return nil, problems[i][2] end
  end
  return images
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
  options = read_options(options)
  local parts, left = scan.folder(path, {skip = options.broken == "skip"})
  if not parts then return nil, left end
  local divided = #parts == 2
  if divided and options.test then
    core.error(("data.load: test: %s has a folder of its own for testing"):format(path))
  end
  local real = core.real_path(path)
  local index, images_of, where = decoded(real, parts, options)
  if not index then return nil, images_of end
  local count = training_count(index, divided, options.test)
  if count < 1 or count >= index.count then
    return nil, ("%s: of %d images, %d are for training and %d for testing: at least one each is wanted"):format(path,
      index.count, math.max(count, 0), index.count - math.max(count, 0))
  end
  local labels = good_labels(parts, index.skipped)
  local set = {
    name = last_name(real), path = real, classes = parts[1].classes, contents = index.contents,
    shape = {index.height, index.width, index.channels}, skipped = {}, notes = {},
  }
  local message
  set.train, message = make_split(images_of, 1, count, labels)
  if not set.train then return nil, message end
  set.test, message = make_split(images_of, count + 1, index.count, labels)
  if not set.test then return nil, message end
  for i, item in ipairs(index.skipped) do
    set.skipped[i] = item[2]
  end
  add_notes(set, left, where)
  return set
end

return folder
