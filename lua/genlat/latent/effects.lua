--- effects.lua: what directions of latent space change in images, as networks trained on real ones measure it.
--
--   local tool = effects.new(space, {judges = {regressor = metrics.regressor.of(space.data)}})
--   local changes = tool:changes(vector)                    -- a number for each of tool.names
--   local times, other = tool:selectivity(changes, "smile") -- how many times the largest other one, and which that is

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local scope = require "genlat.scope"
local attributes = require "genlat.latent.attributes"

local Effects = {}
Effects.__index = Effects

local effects = {}

local MEASURABLE = 0.5 -- the least share of a factor's variance that the regressor has to explain
local IMAGES, SEED = 500, 20200614
local MEASURED = 500 -- images at a time, at most

--- The names of what can be measured: the factors that the regressor (judges.regressor) knows well (R^2 of at least
-- 0.5) or, where the data set has no factors, the classes. judges: see attributes.meter; asked: names whose classes are
-- to be measured too (may be left out).
function effects.measurable(space, judges, asked)
  local names, factors = attributes.names(space)
  if factors == 0 then return names end
  local list, is_class = {}, {}
  for i, name in ipairs(names) do
    is_class[name] = i > factors
    if i <= factors and judges.regressor.r2[i]:item() >= MEASURABLE then list[#list + 1] = name end
  end
  for _, name in ipairs(asked or {}) do
    if is_class[name] then list[#list + 1] = name end
    is_class[name] = false -- once
  end
  return list
end

local SETTINGS = {
  judges = {check.any}, names = {check.list(check.text)}, images = {check.whole(1), IMAGES},
  step = {check.number {above = 0}, 1}, seed = {check.seed, SEED},
}

--- A tool that measures directions of a space. settings: judges; names (all that can be measured), images (500: the
-- first test images, encoded; of a GAN as many vectors of the prior), step (1: how far they are moved to both sides),
-- seed (of the prior's vectors). Fields: names, step, count (images). Raises where nothing can be measured.
function effects.new(space, settings)
  settings = check.options("effects", settings, SETTINGS)
  local names = settings.names or effects.measurable(space, settings.judges)
  if #names == 0 then error("effects: there is nothing to measure in these images", 2) end
  local self = setmetatable({space = space, names = names, step = settings.step, column = {}}, Effects)
  for i, name in ipairs(names) do self.column[name] = i end
  self.meter, self.deviations = attributes.meter(space, names, settings.judges), attributes.deviations(space, names)
  local count = settings.images
  scope.run({recording = false, seed = settings.seed, eval = space.model}, function()
    if space:has_encoder() then
      self.z, self.labels = space:encode_split(space.data.test, count)
    else
      self.z = space:prior(count)
    end
  end)
  self.labels, self.count = space:labels(#self.z, self.labels), #self.z
  return self
end

--- What a direction (latent) changes: for each of tool.names the mean over images of half the difference between what
-- is measured at z + step vector and at z - step vector, in standard deviations of the real training images: a list.
-- Second: the same with the mean of the absolute differences.
function Effects:changes(vector)
  return scope.run({recording = false, eval = self.space.model}, function()
    local size = chunks.size(chunks.floats(self.space.model), MEASURED)
    local function measured(by)
      return chunks.map(#self.z, size, function(first, last)
        local labels = self.labels and self.labels:slice(1, first, last)
        return self.meter(self.space:decode(self.z:slice(1, first, last) + vector * by, labels))
      end)
    end
    local change = (measured(self.step) - measured(-self.step)) / (2 * self.deviations)
    return change:mean(1):totable(), change:abs():mean(1):totable()
  end)
end

--- How much more an attribute (name) changes than any other: |its change| / |the largest other one|, and the other's
-- name; nil where it is not measured or alone.
function Effects:selectivity(changes, name)
  local own, most, other = self.column[name], 0, nil
  for i, change in ipairs(changes) do
    if i ~= own and math.abs(change) > most then most, other = math.abs(change), self.names[i] end
  end
  if not own or not other then return nil end
  return math.abs(changes[own]) / most, other
end

--- Measures directions, a list of {vector = latent, attribute = the name of what it is to change, or nil}: sets
-- `changes` and `absolute` of each (see changes) and, where it has an attribute that is measured, times and other (see
-- selectivity).
function Effects:measure(list)
  for _, direction in ipairs(list) do
    direction.changes, direction.absolute = self:changes(direction.vector)
    direction.times, direction.other = self:selectivity(direction.changes, direction.attribute)
  end
end

--- The mean selectivity of measured directions (see measure), of their mean changes and of their absolute ones, and of
-- how many it is the mean; nil where none has an attribute that is measured.
function Effects:mean_selectivity(list)
  local sum, absolute, n = 0, 0, 0
  for _, direction in ipairs(list) do
    if direction.times then
      sum, n = sum + direction.times, n + 1
      absolute = absolute + self:selectivity(direction.absolute, direction.attribute)
    end
  end
  if n > 0 then return sum / n, absolute / n, n end
end

return effects
