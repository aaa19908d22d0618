--- genlat.safetensors: named tensors and a few strings in one file, the format of Hugging Face's safetensors.
--
-- A file is data and never code. What comes from a file is checked before it is used: the header is valid JSON without
-- a name given twice, and the tensors' values lie one after the other in the data, with no hole, overlap or rest.
-- Format: https://github.com/huggingface/safetensors, "Format".

local check = require "genlat.check"
local core = require "genlat.core"
local json = require "genlat.json"
local text = require "genlat.text"

local safetensors = {}

local METADATA = "__metadata__" -- the one key of the header that is no tensor
local ALIGNMENT = 8 -- the data begin at a multiple of this
local EXACT = 2^53 -- whole numbers up to here are exact, however the JSON decoder holds them

-- Writing -------------------------------------------------------------------------------------------------------------

local function check_text(what, value)
  check.value("safetensors.save: " .. what, value, check.text)
  if not utf8.len(value) then check.fail("safetensors.save: %s: '%s' is not UTF-8", what, value) end
end

local function describe(name, tensor)
  check_text("a tensor's name", name)
  if name == METADATA then check.fail("safetensors.save: no tensor can have the name %s", METADATA) end
  local dtype, bytes, shape = core.safetensors_describe(tensor)
  if not dtype then check.value(text.message("safetensors.save: '%s'", name), tensor, check.tensor()) end
  return { name = name, tensor = tensor, dtype = dtype, bytes = bytes, shape = shape }
end

local SIZE = { I64 = 8, F64 = 8, F32 = 4, U8 = 1 } -- of an element

-- By name; but larger elements before smaller ones, so that every element's place is a multiple of its size.
local function in_order(tensors)
  local entries = {}
  for name, tensor in pairs(tensors) do entries[#entries + 1] = describe(name, tensor) end
  table.sort(entries, function(a, b)
    if SIZE[a.dtype] ~= SIZE[b.dtype] then return SIZE[a.dtype] > SIZE[b.dtype] end
    return a.name < b.name
  end)
  return entries
end

local function encode_metadata(metadata)
  for key, value in pairs(metadata) do
    check_text("a metadata key", key)
    check_text(("metadata '%s'"):format(key), value)
  end
  local parts = {}
  for i, key in ipairs(text.sorted_keys(metadata)) do
    parts[i] = json.encode_strictly(key) .. ":" .. json.encode_strictly(metadata[key])
  end
  return ("%s:{%s}"):format(json.encode_strictly(METADATA), table.concat(parts, ","))
end

-- The keys in a fixed order, so that the same tensors give the same file.
local function encode_header(entries, metadata)
  local parts, place = {}, 0
  if metadata and next(metadata) then parts[1] = encode_metadata(metadata) end
  for _, e in ipairs(entries) do
    parts[#parts + 1] = ('%s:{"dtype":"%s","shape":[%s],"data_offsets":[%d,%d]}')
      :format(json.encode_strictly(e.name), e.dtype, table.concat(e.shape, ","), place, place + e.bytes)
    place = place + e.bytes
  end
  local header = "{" .. table.concat(parts, ",") .. "}"
  return header .. (" "):rep(-#header % ALIGNMENT)
end

--- Writes tensors (name -> tensor) and metadata (string -> string) to a file, which is replaced as a whole or, after
-- any failure, left as it was. Returns true, or nil and a message. Wrong arguments raise.
function safetensors.save(path, tensors, metadata)
  check.value("safetensors.save: the path", path, check.text)
  check.value("safetensors.save: the tensors", tensors, check.table)
  check.value("safetensors.save: the metadata", metadata, check.optional(check.table))
  local entries, list = core.plain(in_order, tensors), {}
  for i, e in ipairs(entries) do list[i] = e.tensor end
  return core.safetensors_write(path, encode_header(entries, metadata), list)
end

-- Reading -------------------------------------------------------------------------------------------------------------

-- Everything from here to `load` raises the message of what is wrong with the file, as a plain string.

local function demand(condition, message, ...)
  if not condition then error(text.message(message, ...), 0) end
end

-- In valid JSON a backslash stands only in strings, so without the escapes, strings are what is between quotes.
local function count_keys(source)
  local _, n = source:gsub("\\.", ""):gsub('"[^"]*"', '"'):gsub('"%s*:', "")
  return n
end

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

-- A list of whole numbers >= 0, as integers.
local function whole_numbers(value, what)
  demand(type(value) == "table" and count(value) == #value, "%s is not a list", what)
  local list = {}
  for i, v in ipairs(value) do
    local n = math.type(v) and v >= 0 and v <= EXACT and math.tointeger(v)
    demand(n, "%s holds something else than whole numbers of 0 to 2^53", what)
    list[i] = n
  end
  return list
end

local function check_entry(name, entry)
  local what = text.message("tensor '%s'", name)
  demand(type(entry) == "table", "%s: its description is not an object", what)
  demand(type(entry.dtype) == "string", "%s: its dtype is not a string", what)
  demand(count(entry) == 3, "%s: expected dtype, shape and data_offsets and nothing else", what)
  local range = whole_numbers(entry.data_offsets, what .. ": data_offsets")
  demand(#range == 2, "%s: data_offsets is not a pair", what)
  return { name = name, what = what, dtype = entry.dtype, shape = whole_numbers(entry.shape, what .. ": shape"),
           first = range[1], last = range[2] }
end

local function check_metadata(metadata)
  demand(type(metadata) == "table", "%s is not an object", METADATA)
  for key, value in pairs(metadata) do
    demand(type(key) == "string" and type(value) == "string", "%s: not all values are strings", METADATA)
  end
  return metadata
end

-- Returns the tensors' entries in the order of their data, and the metadata.
local function check_header(source)
  demand(source:sub(1, 1) == "{", "not a safetensors file: the header does not begin with {")
  demand(utf8.len(source), "the header is not UTF-8")
  demand(not source:find("[\0-\8\11\12\14-\31]"), "the header is not a JSON object: control characters")
  local header, message = json.decode_strictly(source)
  demand(type(header) == "table", "the header is not a JSON object: %s", message)
  local entries, metadata, keys = {}, {}, count(header)
  for name, value in pairs(header) do
    if name == METADATA then
      metadata = check_metadata(value)
      keys = keys + count(metadata)
    else
      entries[#entries + 1] = check_entry(name, value)
      keys = keys + 3
    end
  end
  demand(count_keys(source) == keys, "the header gives a name twice")
  table.sort(entries, function(a, b)
    if a.first ~= b.first then return a.first < b.first end
    if a.last ~= b.last then return a.last < b.last end
    return a.name < b.name
  end)
  return entries, metadata
end

-- Each byte of the data belongs to exactly one tensor.
local function check_places(entries, data_bytes)
  local place = 0
  for _, e in ipairs(entries) do
    demand(e.first == place and e.last >= place, "%s: its data are at bytes %d to %d, expected from %d on", e.what,
           e.first, e.last, place)
    place = e.last
  end
  demand(data_bytes >= place, "truncated: %d bytes of data expected, %d came", place, data_bytes)
  demand(data_bytes == place, "has %d bytes of data, its tensors have %d", data_bytes, place)
end

-- Those of the entries that are asked for.
local function select_entries(entries, names)
  local known, by_name, chosen = {}, {}, {}
  for i, e in ipairs(entries) do known[i], by_name[e.name] = e.name, e end
  for i, name in ipairs(names) do
    demand(by_name[name], "%s", text.unknown("tensor", name, known))
    chosen[i] = by_name[name]
  end
  return chosen
end

local function is_empty(entry)
  for _, size in ipairs(entry.shape) do
    if size == 0 then return entry.first == entry.last end
  end
  return false
end

local function read(file, names)
  local header, data_bytes = file:header()
  local entries, metadata = check_header(header)
  check_places(entries, data_bytes)
  local tensors, empty = {}, {}
  for _, e in ipairs(names and select_entries(entries, names) or entries) do
    if not names and is_empty(e) then
      empty[#empty + 1] = e.name
    else
      local tensor, message = file:tensor(e.dtype, e.shape, e.first, e.last)
      local hint = not tensor and not names and (message:find "^its dtype" or message:find "^its element")
      demand(tensor, "%s: %s%s", e.what, message, hint and " (with names = {...} others are read)" or "")
      tensors[e.name] = tensor
    end
  end
  return {tensors, metadata, empty}
end

--- Reads a file: returns the tensors (name -> tensor), the metadata (string -> string, empty if there are none) and a
-- list of the names of tensors without elements, which genlat does not have; or nil and a message. U8 and BOOL (0 and
-- 1) come as uint8, all else as float: F64 rounded, whole numbers where float holds each of them exactly. A tensor that
-- cannot be read so is refused, and the file with it.
--   options: names   a list: only the tensors with these names are read
--
--   safetensors.load("model.safetensors", {names = {"encoder.weight"}})
function safetensors.load(path, options)
  check.value("safetensors.load: the path", path, check.text)
  local names = check.options("safetensors.load", options, {names = {check.list(check.text)}}).names
  local file <close>, message = core.safetensors_open(path)
  if not file then return nil, message end
  local ok, result = pcall(core.plain, read, file, names)
  if not ok then return nil, ("%s: %s"):format(text.shown(path), result) end
  return table.unpack(result)
end

return safetensors
