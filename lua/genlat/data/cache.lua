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
    (index.channels == 1 or index.channels == 3) and
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

--- Ends a file that the images were written to: writes the index and puts the file in its place.
-- @param file  of core.create_file
-- @return true; or nil and a message
function cache.finish(file, index)
  local text = json.encode(index)
  local ok, message = file:write(text .. TAIL:pack(MAGIC, #text, core.hash(text)))
  if not ok then return nil, message end
  return file:close()
end

return cache
