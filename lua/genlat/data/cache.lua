--- cache.lua: decoded images in one file, which is mapped into memory, so that a data set may be larger than it.
--
-- The file: the images, uint8 N x H x W x C; an index, which is JSON: {key =, count =, height =, width =, channels =,
-- and what its maker adds}; 32 bytes: MAGIC, the index's length and its hash (little-endian). It is written from its
-- beginning to its end and gets its name when it is whole, so what was interrupted leaves nothing.

local core = require "genlat.core"
local json = require "genlat.json"

local cache = {}

local MAGIC = "genlat images 1\n"
local TAIL = "<c16i8i8"
local TAIL_BYTES = TAIL:packsize()

local function whole(value, most) return math.type(value) == "integer" and value >= 1 and value <= most end

-- Do the sizes in the index make sense, and as many bytes as there are before it?
local function is_consistent(index, bytes)
  return whole(index.count, 1 << 24) and whole(index.height, 1 << 16) and whole(index.width, 1 << 16) and
    (index.channels == 1 or index.channels == 3) and type(index.contents) == "string" and
    index.count * index.height * index.width * index.channels == bytes
end

local function read_index(file)
  local size = file:seek("end")
  local tail = size >= TAIL_BYTES and file:seek("set", size - TAIL_BYTES) and file:read(TAIL_BYTES) or ""
  if #tail < TAIL_BYTES then return nil end
  local magic, length, hash = TAIL:unpack(tail)
  if magic ~= MAGIC or length < 0 or length > size - TAIL_BYTES then return nil end
  file:seek("set", size - TAIL_BYTES - length)
  local text = file:read(length)
  if not text or #text ~= length or core.hash(text) ~= hash then return nil end
  local index = json.decode(text)
  return type(index) == "table" and is_consistent(index, size - TAIL_BYTES - length) and index or nil
end

--- The index of the file at path, if it is whole and was made with this key; nil otherwise.
function cache.read(path, key)
  local file = io.open(path, "rb")
  if not file then return nil end
  local index = read_index(file)
  file:close()
  return index and index.key == key and index or nil
end

--- Images first .. last of the file, as a tensor that cannot be changed; nil and a message.
function cache.map(path, index, first, last)
  local size = index.height * index.width * index.channels
  return core.map_file(path, (first - 1) * size, {last - first + 1, index.height, index.width, index.channels})
end

--- A message about the cache folder, with what it is for and what moves it. what: is kept there (decoded images).
function cache.advice(message, what)
  return ("%s (%s are kept there; the environment variable XDG_CACHE_HOME=FOLDER moves it)"):format(message,
    what or "decoded images")
end

--- Ends a file that the images were written to: writes the index and puts the file in its place.
-- @param file  of core.create_file, or cache.memory
-- @return true; or nil and a message
function cache.finish(file, index)
  local text = json.encode(index)
  local ok, message = file:write(text .. TAIL:pack(MAGIC, #text, core.hash(text)))
  if not ok then return nil, message end
  return file:close()
end

--- Makes the folder of the cache, and sees whether it can be written: true; or nil and a message.
function cache.prepare(place)
  local ok, message = core.mkdirs(place)
  if ok then
    local probe <close>, why = core.create_file(place .. "/.probe")
    ok, message = probe, why
  end
  if ok then return true end
  return nil, message
end

-- In memory -----------------------------------------------------------------------------------------------------------

local Memory = {}
Memory.__index = Memory

local SHARE = 0.5 -- of the memory that is free, which decoded images may take
local UNKNOWN = 1 << 30 -- bytes that are taken for free where the system does not say

-- Bytes that programs can have without others being moved to the disk: Linux's estimate.
local function free_memory()
  local file = io.open "/proc/meminfo"
  local text = file and file:read "a" or ""
  if file then file:close() end
  local kilobytes = math.tointeger(tonumber(text:match "MemAvailable:%s*(%d+)"))
  return kilobytes and kilobytes * 1024 or UNKNOWN
end

--- A place in memory for at most so many images of the index' form, to be written as a file is, because a file cannot
-- be (`why`); nil and a message where they are too many.
function cache.memory(index, most, why)
  local bytes = most * index.height * index.width * index.channels
  local text = ("%.0f MB"):format(bytes / 1e6)
  if bytes > SHARE * free_memory() then
    return nil, ("%s: and %s of images are too many to keep them in memory"):format(why, text)
  end
  return setmetatable({
    all = core.zeros(most, index.height, index.width, index.channels, {dtype = "uint8"}), count = 0,
    note = ("%s of images are kept in memory, and decoded each time: %s"):format(text, why),
  }, Memory)
end

--- The next images; what else belongs to a file, its index, is left out.
function Memory:write(images)
  if type(images) == "string" then return true end
  self.all:slice(1, self.count + 1, self.count + #images):copy_(images)
  self.count = self.count + #images
  return true
end

function Memory:images(first, last) return self.all:slice(1, first, last) end

function Memory.close() return true end

Memory.__close = Memory.close

return cache
