--- json.lua: JSON whose bytes depend on the value alone: keys are sorted and numbers keep every bit, so that equal runs
-- write equal files.

local cjson = require("cjson.safe").new()

local json = {}

local function is_list(t) return #t > 0 or next(t) == nil end

local function encode(value)
  if math.type(value) == "float" then
    if value ~= value or value == math.huge or value == -math.huge then return '"' .. tostring(value) .. '"' end
    return ("%.17g"):format(value)
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

--- The value of a text, with whole numbers as integers; nil and a message where it is not JSON.
function json.decode(text)
  local value, message = cjson.decode(text)
  if value == nil then return nil, message end
  return whole_numbers(value)
end

return json
