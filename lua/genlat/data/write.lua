--- write.lua: writing data sets of any size, piece by piece, as data.load reads them back.
--
--   local parts = {"train", "test"}
--   local place <close> = assert(write.place("made", {format = "idx", shape = {28, 28, 1}, parts = parts}))
--   assert(place:split("train", 60000, batches))    -- batches(): the next images, N x H x W x C, and labels
--   assert(place:split("test", 10000, batches))
--
-- Until its parts are there the folder holds a file called .unfinished, locked while the process lives: by it,
-- data.load refuses half a set, a second process keeps out, and the next one clears away what a killed one left.
--
-- "idx": files in MNIST's naming (train-images-idx3-ubyte, ..., t10k-labels-idx1-ubyte), grey images only. "png": a
-- folder with train/CLASS/00001.png, ... and test/CLASS/..., without CLASS where there are no labels.

local core = require "genlat.core"
local text = require "genlat.text"

local write = {}

local Place = {}
Place.__index = Place

local MARK = "/.unfinished"

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
    if not names[name] and "/" .. name ~= MARK then return name end
  end
end

-- Half a set ----------------------------------------------------------------------------------------------------------

-- Removes the numbered PNG files of a folder and of those in it, and these folders where nothing else is in them.
local function clear_images(path, inner)
  local names, stamps = core.list_folder(path)
  for i, name in ipairs(names or {}) do
    local own = path .. "/" .. name
    if stamps[i] then
      if name:match "^%d+%.png$" then os.remove(own) end
    elseif not inner then
      clear_images(own, true)
    end
  end
  os.remove(path)
end

-- Removes what this file writes to a folder, all of it.
local function clear(path)
  for name in pairs(idx_names(true)) do os.remove(path .. "/" .. name) end
  for _, name in ipairs(core.list_folder(path) or {}) do
    if name:match "^%.genlat%-%x+%.tmp$" then os.remove(path .. "/" .. name) end
  end
  for part in pairs(PREFIX) do clear_images(path .. "/" .. part) end
end

-- The mark of a folder that is being written to, to be closed: what there is of the set then goes, unless it is whole.
local Mark = {}
Mark.__index = Mark

-- Takes the folder; nil and a message where another process has it. remove(left): removes what this one writes or, with
-- left, what one left that was killed.
local function new_mark(path, remove)
  local left = core.file_kind(path .. MARK) ~= nil
  local lock, message, no_locks
  repeat -- whoever has just removed the mark may have had it locked until now
    lock, message, no_locks = core.lock_file(path .. MARK)
  until not lock or core.file_kind(path .. MARK)
  if lock == false then
    return nil, ("%s: another process (%d) is writing a data set there"):format(path, message)
  elseif not lock and not no_locks then
    return nil, message
  end
  if left then remove(true) end
  return setmetatable({path = path, lock = lock, taken = true, undo = remove}, Mark)
end

function Mark:remove()
  os.remove(self.path .. MARK)
  if self.lock then self.lock:release() end
  self.taken = false
end

function Mark:__close()
  if not self.taken then return end
  self.undo()
  self:remove()
end

--- Why a folder's data set is not whole, as a message; nil where nothing says that it isn't.
function write.unfinished(path)
  if core.file_kind(path .. MARK) ~= "file" then return nil end
  return ("%s: this data set is not whole: it is still being written, or that was ended (then generate it again)")
    :format(path)
end

--- A folder to write a data set to, which is made; or nil and a message. settings: format "idx" or "png"; shape {H, W,
-- C}; labelled: whether images have labels; classes: their names, for the folders of PNG files. The folder must be
-- empty, or hold such IDX files, which are replaced, or what a process left that was killed: files of another set would
-- be taken for parts of this one. parts: those that make a set, until when it is marked as unfinished and, where the
-- place is closed before, removed again (each part is on its own where they are left out).
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
  local place = setmetatable({
    path = path, format = format, shape = settings.shape, labelled = settings.labelled,
    folders = settings.classes and text.folder_names(settings.classes),
  }, Place)
  local mark, problem = new_mark(path, function(left) if left or place.begun then clear(path) end end)
  if not mark then return nil, problem end
  local name, why = stranger(path, format == "idx" and idx_names(settings.labelled) or {})
  if name then why = ("%s: is not empty (%s): files of another set would mix with these"):format(path, name) end
  if why or not settings.parts then mark:remove() end
  if why then return nil, why end
  if settings.parts then place.mark, place.missing = mark, {table.unpack(settings.parts)} end
  return place
end

function Place:__close()
  if self.mark then getmetatable(self.mark).__close(self.mark) end
end

-- Images as bytes.
local function bytes(x) return x.dtype == "uint8" and x or (x:clamp(0, 1) * 255):round():byte() end

local function check_batch(self, x, labels)
  local shape = table.concat(self.shape, "x")
  if x.ndim ~= 4 or table.concat({table.unpack(x.shape, 2)}, "x") ~= shape then
    core.error(("split: images are N x %s, these are %s"):format(shape, table.concat(x.shape, "x")))
  elseif self.labelled and not (labels and #labels == #x) then
    core.error(("split: %d images come with %s labels"):format(#x, labels and #labels or "no"))
  end
end

-- Calls f(images as bytes, labels) for batch after batch until there are `count`; returns true, or nil and a message of
-- f's.
local function each_batch(self, count, batches, f)
  local done = 0
  while done < count do
    local x, labels = batches()
    if not x then core.error(("split: %d images came, of %d"):format(done, count)) end
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
  if ok and closed then return true end
  os.remove(path)
  return nil, ("%s: %s"):format(path, why or why2)
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

-- Of a place without a list of parts each has a mark of its own; nil for others; nil and a message.
local function mark_part(self, part)
  if self.mark then return nil end
  return new_mark(self.path, function()
    if self.format == "png" then clear_images(self.path .. "/" .. part) end
  end)
end

-- A part is whole; with the last one the mark goes.
local function done(self, part)
  self.begun = true
  for i, name in ipairs(self.missing) do
    if name == part then table.remove(self.missing, i) break end
  end
  if #self.missing == 0 then self.mark:remove() end
end

--- Writes one part, "train" or "test", of `count` images. batches: called for the next images (N x H x W x C, floats
-- 0..1 or bytes; of any N) and, of a labelled set, their labels (N, from 1); what is more than `count` is left out.
-- Returns true, or nil and a message. Memory: that of one batch.
function Place:split(part, count, batches)
  if not PREFIX[part] then error(("split: a part is train or test, not %s"):format(tostring(part)), 2) end
  local alone <close>, problem = mark_part(self, part)
  if problem then return nil, problem end
  self.begun = self.begun or self.format == "png"
  local ok, message = (self.format == "idx" and split_idx or split_png)(self, part, count, batches)
  if not ok then return nil, message end
  if alone then alone:remove() else done(self, part) end
  return true
end

return write
