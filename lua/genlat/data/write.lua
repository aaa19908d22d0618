--- write.lua: writing data sets of any size, piece by piece, as data.load reads them back.
--
--   local place = assert(write.place("made", {format = "idx", shape = {28, 28, 1}}))
--   assert(place:split("train", 60000, batches))    -- batches(): the next images, N x H x W x C, and labels
--   assert(place:split("test", 10000, batches))
--
-- "idx": files in MNIST's naming (train-images-idx3-ubyte, ..., t10k-labels-idx1-ubyte), grey images only. "png": a
-- folder with train/CLASS/00001.png, ... and test/CLASS/..., without CLASS where there are no labels.

local core = require "genlat.core"
local text = require "genlat.text"

local write = {}

local Place = {}
Place.__index = Place

local IDX = "\0\0\8" -- unsigned bytes; the number of axes and each size follow
local PREFIX = {train = "train", test = "t10k"}

local function idx_names(labelled)
  local names = {}
  for _, prefix in pairs(PREFIX) do
    names[prefix .. "-images-idx3-ubyte"] = true
    if labelled then names[prefix .. "-labels-idx1-ubyte"] = true end
  end
  return names
end

-- The first name in a folder that is none of those listed; nil where there is none.
local function stranger(path, names)
  local list, message = core.list_folder(path)
  if not list then return nil, message end
  for _, name in ipairs(list) do
    if not names[name] then return name end
  end
end

--- A folder to write a data set to, which is made; or nil and a message. settings: format "idx" or "png"; shape {H, W,
-- C}; labelled: whether images have labels; classes: their names, for the folders of PNG files. The folder is to be
-- empty, or to hold such IDX files, which are replaced: files of another set would be taken for parts of this one.
function write.place(path, settings)
  local format, channels = settings.format, settings.shape[3]
  if format ~= "idx" and format ~= "png" then
    error(("write.place: format is idx or png, not %s"):format(tostring(format)), 2)
  elseif format == "png" and settings.labelled and not settings.classes then
    error("write.place: folders of labelled PNG files are called by their classes: give classes", 2)
  elseif format == "idx" and channels ~= 1 then
    return nil, ("IDX files hold grey images, these have %d channels: write PNG files"):format(channels)
  end
  local ok, message = core.mkdirs(path)
  if not ok then return nil, message end
  local name, problem = stranger(path, format == "idx" and idx_names(settings.labelled) or {})
  if name then return nil, ("%s: is not empty (%s): files of another set would mix with these"):format(path, name) end
  if problem then return nil, problem end
  return setmetatable({
    path = path, format = format, shape = settings.shape, labelled = settings.labelled,
    folders = settings.classes and text.folder_names(settings.classes),
  }, Place)
end

-- Images as bytes.
local function bytes(x) return x.dtype == "uint8" and x or (x:clamp(0, 1) * 255):round():byte() end

local function check_batch(self, x, labels)
  local shape = table.concat(self.shape, "x")
  if x.ndim ~= 4 or table.concat({table.unpack(x.shape, 2)}, "x") ~= shape then
    error(("split: images are N x %s, these are %s"):format(shape, table.concat(x.shape, "x")), 4)
  elseif self.labelled and not (labels and #labels == #x) then
    error(("split: %d images come with %s labels"):format(#x, labels and #labels or "no"), 4)
  end
end

-- Calls f(images as bytes, labels) for batch after batch until there are `count`; returns true, or nil and a message of
-- f's.
local function each_batch(self, count, batches, f)
  local done = 0
  while done < count do
    local x, labels = batches()
    if not x then error(("split: %d images came, of %d"):format(done, count), 3) end
    check_batch(self, x, labels)
    local n = math.min(#x, count - done)
    local ok, message = f(bytes(x:slice(1, 1, n)):contiguous(), labels and labels:slice(1, 1, n))
    if not ok then return nil, message end
    done = done + n
  end
  return true
end

local function begin_idx(path, sizes)
  local file, message = core.create_file(path)
  if not file then return nil, message end
  local ok, why = file:write(IDX .. string.char(#sizes) .. string.pack(">" .. ("I4"):rep(#sizes), table.unpack(sizes)))
  if not ok then return nil, why end
  return file
end

-- The file of labels; nothing for a set without them; nil and a message.
local function begin_labels(self, base, count)
  if not self.labelled then return nil end
  return begin_idx(base .. "-labels-idx1-ubyte", {count})
end

-- Labels count from 0 in the file.
local function idx_labels(labels) return (labels - 1):byte() end

local function split_idx(self, part, count, batches)
  local base = self.path .. "/" .. PREFIX[part]
  local images <close>, message = begin_idx(base .. "-images-idx3-ubyte", {count, self.shape[1], self.shape[2]})
  if not images then return nil, message end
  local names <close>, message2 = begin_labels(self, base, count)
  if message2 then return nil, message2 end
  local ok, why = each_batch(self, count, batches, function(x, labels)
    local written, problem = images:write(x)
    if written and names then written, problem = names:write(idx_labels(labels)) end
    return written, problem
  end)
  if not ok then return nil, why end
  ok, why = images:close()
  if ok and names then ok, why = names:close() end
  return ok, why
end

-- Not synced to the disk one by one, as core.write_png does it: there are many.
local function write_png(path, image)
  local file, message = io.open(path, "wb")
  if not file then return nil, message end
  local ok, why = file:write(core.png_encode(image))
  local closed, why2 = file:close()
  if not ok or not closed then return nil, ("%s: %s"):format(path, why or why2) end
  return true
end

-- Numbers within each class, of as many digits as the last one may need, so that names sort as numbers do.
local function split_png(self, part, count, batches)
  local digits, numbers, made = math.max(5, #tostring(count)), {}, {}
  return each_batch(self, count, batches, function(x, labels)
    local list = labels and self.labelled and labels:totable()
    for i = 1, #x do
      local label = list and math.tointeger(list[i]) or 0
      local own = label > 0 and "/" .. self.folders[label] or ""
      local folder = ("%s/%s%s"):format(self.path, part, own)
      local ok, message = made[label] or core.mkdirs(folder), nil
      numbers[label], made[label] = (numbers[label] or 0) + 1, true
      if ok then ok, message = write_png(("%s/%0" .. digits .. "d.png"):format(folder, numbers[label]), x[i]) end
      if not ok then return nil, message end
    end
    return true
  end)
end

--- Writes one part, "train" or "test", of `count` images. batches: called for the next images (N x H x W x C, floats
-- 0..1 or bytes; of any N) and, of a labelled set, their labels (N, from 1); what is more than `count` is left out.
-- Returns true, or nil and a message. Memory: that of one batch.
function Place:split(part, count, batches)
  if not PREFIX[part] then error(("split: a part is train or test, not %s"):format(tostring(part)), 2) end
  return (self.format == "idx" and split_idx or split_png)(self, part, count, batches)
end

return write
