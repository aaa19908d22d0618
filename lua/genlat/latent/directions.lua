--- directions.lua: directions in a latent space that have a name and are kept in a run's folder, where every tool finds
-- them: RUN/directions.safetensors.
--
--   local smile = space.directions:vector "smile"      -- latent
--   space.directions:set("tall", vector, {method = "compass", unit = "..."})
--   space.directions:save()
--
-- What other processes save in the meantime is seen, and kept when these are saved.
--
-- A direction's length is its unit: z + 2 * vector moves by two units. notes say how it was found and what a unit is:
--   method  "means", "classifier", "components", "activations", "weights", "steer", "compass", ...
--   unit    what a length of 1 stands for ("standard deviations" unless said otherwise)
--   range   {least, most}: how far to walk, in units ({-3, 3})
--   answers, sure   of a compass: how many answers it is from, and how sure it is, 0 to 1

local check = require "genlat.check"
local core = require "genlat.core"
local finite = require "genlat.nn.finite"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local text = require "genlat.text"
local is_tensor = check.is_tensor

local Directions = {}
Directions.__index = Directions

local FORMAT = "genlat directions"
local RANGE = {-3, 3}

--- An empty store for a latent space of that many dimensions; folder: where it is kept, or nil.
function Directions.new(folder, latent)
  local path = folder and folder .. "/directions.safetensors"
  -- kept: what the file held when it was stamp; changes: what was set since (name -> direction, or false: taken away)
  return setmetatable({folder = folder, latent = latent, path = path, kept = {}, changes = {}}, Directions)
end

local LONGEST = 80 -- bytes of a name

-- Letters of all languages, but nothing that separates names in a list.
local function good_name(name)
  return type(name) == "string" and #name <= LONGEST and name:find "^[%w\x80-\xFF][%w\x80-\xFF _.:+~%-]*$"
    and text.shown(name) == name
end

--- A name as a direction can have it: itself where it is one, else text.file_name's, so that no two become the same.
function Directions.as_name(name) return good_name(name) and name or text.file_name(name) end

local function is_number(x) return type(x) == "number" and x > -math.huge and x < math.huge end

local function is_range(range)
  return type(range) == "table" and is_number(range[1]) and is_number(range[2]) and range[1] < range[2]
end

local function is_word(value)
  return type(value) == "string" and (utf8.len(value) or 61) <= 60 and text.shown(value) == value
end

local kinds = {
  {"range", is_range, "two finite numbers, the smaller first"},
  {"method", is_word, "at most 60 printable characters"},
  {"unit", is_word, "at most 60 printable characters"},
  {"answers", function(x) return math.type(x) == "integer" and x >= 0 end, "a whole number from 0"},
  {"sure", function(x) return is_number(x) and x >= 0 and x <= 1 end, "a number from 0 to 1"},
}

-- What is wrong with a direction's notes, or nil.
local function problem_of_notes(notes)
  if type(notes) ~= "table" then return "its notes are a table, not a " .. type(notes) end
  for _, kind in ipairs(kinds) do
    local key, is_good, wanted = table.unpack(kind)
    if notes[key] ~= nil and not is_good(notes[key]) then return ("its %s is %s"):format(key, wanted) end
  end
end

-- What is wrong with a direction, or nil.
local function problem_of(self, name, vector, notes)
  if not is_tensor(vector) then
    return text.message("the direction '%s' is a tensor, not a %s", name, type(vector))
  elseif not good_name(name) then
    return text.message("a direction's name is letters, digits, spaces and _ . : + - ~, at most %d bytes, not '%s'",
      LONGEST, name)
  elseif vector.ndim ~= 1 or #vector ~= self.latent then
    return ("the direction '%s' is %s, the latent space has %d dimensions"):format(name,
      table.concat(vector.shape, "x"), self.latent)
  elseif vector.dtype ~= "float32" then
    return ("the direction '%s' is of %s, not float32"):format(name, vector.dtype)
  end
  local problem = notes ~= nil and problem_of_notes(notes)
  if problem then return ("the direction '%s': %s"):format(name, problem) end
  local length = vector:norm():item()
  if not (length > 0 and length < math.huge) then
    return text.format("the direction '%s' has the length %g", name, length)
  end
end

-- The directions of the file, by name; or nil and a message where it is damaged.
local function read(self)
  local tensors, metadata = safetensors.load(self.path)
  if not tensors then return nil, metadata end
  local notes, list = json.decode(metadata.notes or ""), {}
  if metadata.format ~= FORMAT or type(notes) ~= "table" then
    return nil, text.message("%s: these are no directions", self.path)
  end
  for name, vector in pairs(tensors) do
    local problem = problem_of(self, name, vector, notes[name])
    if problem then return nil, text.message("%s: %s", self.path, problem) end
    list[name] = {vector = vector, notes = notes[name] or {}}
  end
  return list
end

-- Reads the file again where it is another one than before. Returns true, or nil and a message.
local function refresh(self)
  local stamp = self.path and core.file_stamp(self.path)
  if stamp == self.stamp then return true end
  local list, message = {}, nil
  if stamp then list, message = read(self) end
  if not list then return nil, message end
  self.kept, self.stamp = list, stamp
  return true
end

-- All directions by name, as they are now.
local function current(self)
  local ok, message = refresh(self)
  if not ok then error(message, 0) end
  local list = {}
  for name, found in pairs(self.kept) do
    list[name] = found
  end
  for name, found in pairs(self.changes) do
    list[name] = found or nil
  end
  return list
end

--- The directions kept in a run's folder, none if there is no file; or nil and a message where it is damaged.
function Directions.load(folder, latent)
  local self = Directions.new(folder, latent)
  local ok, message = refresh(self)
  if not ok then return nil, message end
  return self
end

--- The names, sorted.
--
--   print(table.concat(space.directions:names(), ", "))
function Directions:names() return text.sorted_keys(current(self)) end

--- {vector = latent, notes = {method =, unit =, range =, ...}} of a name, or nil and a message that says what there is.
--
--   print(space.directions:get("smile").notes.method)
function Directions:get(name)
  local found = current(self)[name]
  if found then return found end
  local names = self:names()
  if #names > 0 then return nil, text.unknown("direction", name, names) end
  return nil, text.message("there is no direction '%s'; none is saved yet (directions, steer and compass find some)",
    name)
end

--- The vector of a name; raises where there is none.
function Directions:vector(name)
  local found, message = self:get(name)
  if not found then core.error(message) end
  return found.vector
end

--- How far to walk along a direction and what a unit is: least, most, unit.
--
--   local least, most, unit = space.directions:range "smile"
function Directions:range(name)
  local found, message = self:get(name)
  if not found then core.error(message) end
  local range = found.notes.range or RANGE
  return range[1], range[2], found.notes.unit or "standard deviations"
end

--- Adds or replaces a direction.
function Directions:set(name, vector, notes)
  local problem = problem_of(self, name, vector, notes)
  if problem then core.error("set: " .. problem) end
  self.changes[name] = {vector = vector:detach():clone(), notes = notes or {}}
end

--- Takes one away.
--
--   space.directions:remove "smile"; space.directions:save()
function Directions:remove(name) self.changes[name] = false end

--- Writes them to the folder, with what others saved there in the meantime. Returns the file's path, or nil and a
-- message.
function Directions:save()
  if not self.folder then check.fail("save: these directions belong to no run's folder") end
  local fresh, problem = refresh(self)
  if not fresh then return nil, problem end
  local list, tensors, notes = current(self), {}, {}
  for name, found in pairs(list) do
    tensors[name], notes[name] = found.vector, found.notes
  end
  local ok, message = finite.save(self.path, tensors, {format = FORMAT, notes = json.encode(notes)})
  if not ok then return nil, message end
  self.kept, self.changes, self.stamp = list, {}, core.file_stamp(self.path)
  return self.path
end

function Directions:__tostring()
  local lines = {}
  for i, name in ipairs(self:names()) do
    local least, most, unit = self:range(name)
    lines[i] = text.format("%s: %g to %g %s (%s)", name, least, most, unit, self:get(name).notes.method or "?")
  end
  return #lines > 0 and table.concat(lines, "\n") or "no directions"
end

return Directions
