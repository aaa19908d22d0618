--- regressor.lua: a network that measures the factors of images: how much a face smiles, how thick a digit is. genlat
-- trains it once on the data set's real training images and their factors; see judge.lua for how it is kept.
--
--   local judge, path = gl.metrics.regressor.of(data)      -- or nil and a message
--   local values = judge:measure(space:decode(z))          -- N x F, column i is judge.names[i]
--   local changes = (judge:measure(moved) - values) / judge.std

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local Split = require "genlat.data.split"
local scope = require "genlat.scope"
local judge = require "genlat.metrics.judge"
local text = require "genlat.text"

local Regressor = {}
Regressor.__index = Regressor

local regressor = {}

local CHUNK = 500 -- images that are measured at a time

local function moments(data)
  return scope.run({recording = false}, function()
    local factors = data.train.factors
    return factors:mean(1), factors:std(1):maximum(1e-6)
  end)
end

-- The outputs for n images, N x F, standardized. images(first, last): some of them, H x W x C each.
local function outputs_for(model, n, images)
  return scope.run({recording = false, eval = model}, function()
    return chunks.map(n, chunks.size(chunks.floats(model), CHUNK), function(first, last)
      return model(images(first, last))
    end)
  end)
end

-- 1 - sum (y - target)^2 / sum (target - mean)^2 of each factor: F.
local function determination(values, targets)
  return scope.run({recording = false}, function()
    return 1 - (values - targets):square():sum(1) / (targets - targets:mean(1)):square():sum(1)
  end)
end

--- How it is trained: see judge.lua.
regressor.kind = {
  folder = "regressors", what = "factors",
  recipe = {version = 1, seed = 19981101, epochs = 1, steps = 6000, batch = 64, lr = 2e-3, width = 2, cosine = true},
  names = function(data) return data.factor_names end,
  examples = function(data)
    local mean, std = moments(data)
    return Split.new(data.train.images, (data.train.factors - mean) / std)
  end,
  loss = function(values, targets) return (values - targets):square():mean() end,
}

function regressor.kind.notes(model, data)
  local mean, std = moments(data)
  local order = core.arange(data.test.count)
  local measured = outputs_for(model, data.test.count, function(first, last)
    return core.batch(data.test.images, order, first, last - first + 1)
  end)
  local r2 = determination(measured, (data.test.factors - mean) / std)
  return {names = data.factor_names, mean = mean:totable(), std = std:totable(), r2 = r2:totable()}
end

--- Where the regressor of a data set is kept: ~/.cache/genlat/regressors/NAME-FINGERPRINT.safetensors.
function regressor.path(data)
  check.arguments("regressor.path", "data:data", data)
  return judge.path(regressor.kind, data)
end

-- Numbers for each name, as a tensor; nil where notes (of any file) hold something else.
local function numbers(list, names)
  if type(list) ~= "table" or #list ~= #names then return nil end
  for _, value in ipairs(list) do
    if type(value) ~= "number" then return nil end
  end
  return core.tensor(list)
end

--- The regressor of a data set: the one in options.file, or the one in the cache (~/.cache/genlat/regressors), or one
-- that is trained now and kept there; options.progress(steps done, of how many) is called after each step then.
-- Returns it and the path of its file; or nil and a message, also where the data set has no factors: digits and faces
-- have. Fields, each with one number a factor: names (a list), mean and std (of the real training images; tensors), and
-- r2 (a tensor), the share of the variance among test images that it explains (1: all; 0: it measures nothing).
function regressor.of(data, options)
  check.arguments("regressor.of", "data:data options:table?", data, options)
  if not data.train.factors then
    return nil, text.message("%s: there are no factors to measure; digits and faces have some", data.name)
  end
  local model, path, notes = judge.of(regressor.kind, data, options)
  if not model then return nil, path end
  local names = data.factor_names
  if type(notes.names) ~= "table" or table.concat(notes.names, ",") ~= table.concat(names, ",") then notes = {} end
  local self = {
    model = model, names = names, mean = numbers(notes.mean, names), std = numbers(notes.std, names),
    r2 = numbers(notes.r2, names),
  }
  if not (self.mean and self.std and self.r2) then
    return nil, text.message("%s: this is no regressor for the factors of %s", path, data.name)
  end
  return setmetatable(self, Regressor), path
end

--- The factors of images (N x H x W x C, 0..1), in their own units: N x F.
function Regressor:measure(images)
  local function some(first, last) return images:slice(1, first, last) end
  return outputs_for(self.model, #images, some) * self.std + self.mean
end

--- The column of a factor; raises where there is none.
function Regressor:column(name)
  for i, other in ipairs(self.names) do
    if other == name then return i end
  end
  error(("measure: there is no factor '%s'; there are %s"):format(tostring(name), table.concat(self.names, ", ")), 2)
end

return regressor
