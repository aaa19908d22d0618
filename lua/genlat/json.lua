--- json.lua: JSON whose bytes depend on the value alone: keys are sorted and numbers keep every bit, so that equal runs
-- write equal files.

local cjson = require("cjson.safe").new()

local json = {}

local EXACT = 1 << 53 -- whole numbers up to here are exact, also where they are read as floats

local function is_list(t) return #t > 0 or next(t) == nil end

local function encode(value)
  if math.type(value) == "float" then
    if value ~= value or value == math.huge or value == -math.huge then return '"' .. tostring(value) .. '"' end
    return ("%.17g"):format(value)
  elseif math.type(value) == "integer" then
    return ("%d"):format(value) -- all its digits, which cjson does not write
  elseif type(value) ~= "table" then
    return (cjson.encode(value))
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
    parts[i] = cjson.encode(key) .. ":" .. encode(value[key])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function whole_numbers(value)
  if type(value) == "table" then
    for key, item in pairs(value) do
      value[key] = whole_numbers(item)
    end
    return value
  end
  return math.type(value) == "float" and math.tointeger(value) or value
end

--- The text of plain data: tables with string keys, lists, strings, numbers, booleans. An empty table is a list.
-- Numbers that JSON lacks become the strings "nan", "inf", "-inf".
json.encode = encode

--- What decode makes of null.
json.null = cjson.null

--- What keeps a value from being JSON's: nil, or its place (".units[2]") and what is there. Tables are lists, or have
-- texts as keys; whole numbers are up to 2^53 in size, numbers finite, texts UTF-8; nothing contains itself.
function json.problem(value, place, above)
  place, above = place or "", above or {}
  local kind = type(value)
  if kind == "boolean" or kind == "string" and utf8.len(value) then return nil end
  if math.type(value) == "integer" and value >= -EXACT and value <= EXACT then return nil end
  if math.type(value) == "float" and value == value and math.abs(value) < math.huge then return nil end
  if kind ~= "table" or getmetatable(value) then
    return place, kind == "number" and ("the number %s"):format(value) or kind == "string" and "a text that is no UTF-8"
      or "a " .. kind
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

--- The value of a text, with whole numbers as integers; nil and a message where it is not JSON.
function json.decode(text)
  local value, message = cjson.decode(text)
  if value == nil then return nil, message end
  return whole_numbers(value)
end

return json
