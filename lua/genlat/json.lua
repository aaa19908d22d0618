--- json.lua: JSON whose bytes depend on the value alone: keys are sorted and numbers keep every bit, so that equal runs
-- write equal files.

local core = require "genlat.core"
local new_cjson = require("cjson.safe").new

local json = {}

local cjson, strict = new_cjson(), new_cjson()
strict.decode_invalid_numbers(false)

local EXACT = 1 << 53 -- whole numbers up to here are exact, also where they are read as floats

-- Paths are bytes, JSON is Unicode: a byte of a string that is not UTF-8 is written as one of 256 characters for
-- private use, U+10FE00 and up, and so are the bytes of such a character itself, so that every string comes back as it
-- was.
local PRIVATE = 0x10FE00
local ESCAPED = "\xF4\x8F[\xB8-\xBB][\x80-\xBF]"

local function escape(bytes)
  return (bytes:gsub(".", function(byte) return utf8.char(PRIVATE + byte:byte()) end))
end

local function to_utf8(text)
  if utf8.len(text) and not text:find(ESCAPED) then return text end
  local parts, place = {}, 1
  while place <= #text do
    local _, bad = utf8.len(text, place)
    bad = bad or #text + 1
    parts[#parts + 1] = text:sub(place, bad - 1):gsub(ESCAPED, escape)
    parts[#parts + 1] = escape(text:sub(bad, bad))
    place = bad + 1
  end
  return table.concat(parts)
end

local function from_utf8(text)
  if not text:find(ESCAPED) then return text end
  return (text:gsub(ESCAPED, function(character) return string.char(utf8.codepoint(character) - PRIVATE) end))
end

local function is_list(t) return #t > 0 or next(t) == nil end

local function encode(value)
  if math.type(value) == "float" then
    if value ~= value or value == math.huge or value == -math.huge then return '"' .. tostring(value) .. '"' end
    return ("%.17g"):format(value)
  elseif math.type(value) == "integer" then
    return ("%d"):format(value) -- all its digits, which cjson does not write
  elseif type(value) ~= "table" then
    return (cjson.encode(type(value) == "string" and to_utf8(value) or value))
  end
  local parts = {}
  if is_list(value) then
    for i, item in ipairs(value) do
      parts[i] = encode(item)
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local keys = {}
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = cjson.encode(to_utf8(key)) .. ":" .. encode(value[key])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- A decoded value with whole numbers as integers and strings as they were.
local function restored(value)
  if type(value) == "table" then
    local copy = {}
    for key, item in pairs(value) do
      copy[type(key) == "string" and from_utf8(key) or key] = restored(item)
    end
    return copy
  elseif type(value) == "string" then
    return from_utf8(value)
  end
  return math.type(value) == "float" and math.tointeger(value) or value
end

--- The text of plain data: tables with string keys, lists, strings of any bytes, numbers, booleans. An empty table is a
-- list.
-- Numbers that JSON lacks become the strings "nan", "inf", "-inf".
function json.encode(value) return core.plain(encode, value) end

--- The text of a string that is UTF-8, as it is: what decode_strictly gives back.
function json.encode_strictly(value) return cjson.encode(value) end

--- What decode makes of null.
json.null = cjson.null

--- What keeps a value from being JSON's: nil, or its place (".units[2]") and what is there. Tables are lists, or have
-- texts as keys; whole numbers are up to 2^53 in size, numbers finite; nothing contains itself.
function json.problem(value, place, above)
  place, above = place or "", above or {}
  local kind = type(value)
  if kind == "boolean" or kind == "string" then return nil end
  if math.type(value) == "integer" and value >= -EXACT and value <= EXACT then return nil end
  if math.type(value) == "float" and value == value and math.abs(value) < math.huge then return nil end
  if kind ~= "table" or getmetatable(value) then
    return place, kind == "number" and ("the number %s"):format(value) or "a " .. kind
  end
  if above[value] then return place, "a table that contains itself" end
  above[value] = true
  for key, item in pairs(value) do
    local name = math.type(key) == "integer" and ("[%d]"):format(key) or "." .. tostring(key)
    if type(key) ~= (#value > 0 and "number" or "string") then return place .. name, "a key that lists do not have" end
    local where, what = json.problem(item, place .. name, above)
    if where then return where, what end
  end
  above[value] = nil
end

-- cjson takes the decimal point of the locale in which its `new` was last called, for everybody in this program. Where
-- that is no point it is made one for the time of a call.
local function decode(decoder, source)
  local ok, is_point, value, message = pcall(core.plain, function()
    local point = decoder.decode "0.5" == 0.5
    if not point then new_cjson() end
    return point, decoder.decode(source)
  end)
  if not ok then error(is_point, 0) end
  if not is_point then new_cjson() end
  return value, message
end

--- The value of a text, with whole numbers as integers; nil and a message where it is not JSON.
function json.decode(source)
  local value, message = decode(cjson, source)
  if value == nil then return nil, message end
  return restored(value)
end

--- The same, but refuses the numbers that JSON does not have, and leaves whole numbers and strings as they come.
function json.decode_strictly(source) return decode(strict, source) end

return json
