--- steering.lua: how well a walk steers: by how much the images change as asked, what that costs, and how far it goes.
-- See steer.lua for walks.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local classifier = require "genlat.metrics.classifier"
local distribution = require "genlat.metrics.distribution"
local scope = require "genlat.scope"
local edits = require "genlat.latent.edits"

local steering = {}

local CHUNK = 500 -- images that are judged at a time
local LEAST_GROWTH = 0.1 -- of the effect, for an amount of one more
local MOST_FRECHET = 2 -- times that of unwalked images, where a walk still carries
local SIDE, WHOLE = 5, 4 -- amounts to each side, and which of them is the end of the range

-- Amounts over the range that was learned, and one step beyond.
local function amounts_of(range)
  local list = {}
  for i = -SIDE, SIDE do
    local amount = math.abs(i) / WHOLE * (i < 0 and range[1] or range[2])
    if i == 0 or amount ~= 0 then list[#list + 1] = amount end
  end
  return list
end

local function some_of(images, judge)
  local next_chunk = chunks.each(#images, chunks.size(chunks.floats(judge), CHUNK))
  return function()
    local first, last = next_chunk()
    return first and images:slice(1, first, last)
  end
end

-- Effects -----------------------------------------------------------------------------------------------------------

-- measured[name] = {N effects for each amount}, in the order of names.
local function measured(walk, amounts, images_at, reference, judge)
  local found = {}
  local settings = {judge = judge, dark = edits.dark_ground(reference)}
  for i, amount in ipairs(amounts) do
    local effects = edits.measure(walk.edit, images_at(amount), reference, settings)
    found.names = effects.names
    for _, name in ipairs(effects.names) do
      found[name] = found[name] or {}
      found[name][i] = effects[name]
    end
  end
  return found
end

-- Pearson's correlation of effects with the amounts asked for, and the effect for one unit asked (least squares through
-- 0), over images and over the amounts within the range but for 0; nil where that leaves none. No correlation (nil)
-- where it leaves one, or nothing changes.
local function relation(amounts, effects, range)
  local x, y = {}, {}
  for i, amount in ipairs(amounts) do
    if amount ~= 0 and amount >= range[1] and amount <= range[2] then
      x[#x + 1], y[#y + 1] = core.full({#effects[i]}, amount), effects[i]
    end
  end
  local count = #x
  if count == 0 then return nil end
  x, y = core.cat(x), core.cat(y)
  local gain = ((x * y):sum() / x:square():sum()):item()
  local dx, dy = x - x:mean(), y - y:mean()
  local length = (dx:norm() * dy:norm()):item()
  return count > 1 and length > 0 and (dx * dy):sum():item() / length or nil, gain
end

local function means(effects)
  local list = {}
  for i, values in ipairs(effects) do list[i] = values:mean():item() end
  return list
end

-- Quality -----------------------------------------------------------------------------------------------------------

-- A set of real images to compare with and one to edit: at most n of the test and of the training images.
local function real_sets(data, n, seed)
  local _, test = data.test:batches {size = math.min(n, data.test.count), seed = seed}()
  local _, train = data.train:batches {size = math.min(n, data.train.count), seed = seed}()
  return test, train
end

local function judged(judge, images)
  local features, logits = classifier.judge(judge, some_of(images, judge))
  return distribution.moments(features), logits:argmax(2)
end

-- How far it carries ------------------------------------------------------------------------------------------------

-- The last amount to one side of 0 (direction 1 or -1) that passes the rule, and what the next one fails by: "effect",
-- "quality" or nil. What is not a number does not pass.
local function carried(result, zero, direction)
  local effect, frechet = result.measures[1].mean, result.frechet
  local last = zero
  for i = zero + direction, direction > 0 and #result.amounts or 1, direction do
    local asked = math.abs(result.amounts[i] - result.amounts[last])
    local grows = (effect[i] - effect[last]) * direction >= LEAST_GROWTH * asked
    local real = not frechet or frechet[i] <= MOST_FRECHET * frechet[zero]
    if not (grows and real) then return result.amounts[last], grows and "quality" or "effect" end
    last = i
  end
  return result.amounts[last]
end

local SETTINGS = {
  samples = {check.whole(1), 1000}, measured = {check.whole(1), 200}, seed = {check.seed, 1}, data = {check.table},
  classifier = {check.table}, regressor = {check.table}, amounts = {check.list(check.number(), {least = 1})},
  progress = {check.callable},
}

--- Measures a walk. space: the one that it was learned in; settings: data (the space's), samples (1000: images for the
-- quality), measured (200 of them: for the effects), classifier (metrics.classifier.of; without one the quality is left
-- out), regressor (metrics.regressor.of, for the measures that need one), amounts (five to each side, the fourth at the
-- end of the walk's range), seed (1), progress(amounts done, of how many). Returns
--   amounts    those looked at, in the edit's unit, 0 among them
--   measures   a list of {name =, mean = {by amount}, correlation =, gain =, ceiling =}: the effect measured in the
--              walked image minus that in the unwalked one of the same z (edits.measure); its correlation with the
--              amount asked for, over images and over the amounts but 0 in `range`; the effect for one unit asked; and
--              what the same correlation is for real images that are edited: more cannot be expected of the measure
--   frechet    by amount: Frechet distance between walked images and real test images on the classifier's features
--   frechet_edited  the same between real training images edited by the amount and the test images: what the edit costs
--   kept       by amount: the share of images whose class stays, to the classifier
--   range      {least, most}: how far it carries. Going out from 0, amount by amount, to either side: as long as the
--              Frechet distance is at most twice that at 0, and the first measure's mean effect grows by at
--              least a tenth of what the amount grows by.
--   limits     what ends it there, {below =, above =}: "effect" or "quality"; nil where nothing did
--
--   local result = steer.evaluate(space, walk, {classifier = gl.metrics.classifier.of(space.data)})
--   print(result.range[1], result.range[2], result.measures[1].correlation)
function steering.evaluate(space, walk, settings)
  check.arguments("steer.evaluate", "space:space walk:walk settings:table?", space, walk, settings)
  local o = check.options("steer.evaluate", settings, SETTINGS)
  o.amounts = o.amounts or amounts_of(walk.range)
  return scope.run({recording = false, seed = o.seed, eval = space.model}, function()
    local z = space:prior(o.samples)
    local labels = space:labels(o.samples)
    local amounts, zero = o.amounts, nil
    local result = {edit = walk.edit, kind = walk.kind, amounts = amounts, measures = {}}
    local shown = math.min(o.measured, o.samples)
    local function walked(amount, n)
      return space:decode(walk:move(z:slice(1, 1, n), amount), labels and labels:slice(1, 1, n))
    end
    for i, amount in ipairs(amounts) do if amount == 0 then zero = i end end
    if not zero then check.fail("steer.evaluate: amounts: 0 must be among them") end

    local test, train = real_sets(o.data or space.data, o.samples, o.seed)
    local reference, class
    if o.classifier then
      reference, result.frechet, result.frechet_edited, result.kept = judged(o.classifier, test), {}, {}, {}
      class = select(2, judged(o.classifier, walked(0, o.samples)))
    end
    local function effects(images_at, unedited) return measured(walk, amounts, images_at, unedited, o.regressor) end
    local made = effects(function(amount) return walked(amount, shown) end, walked(0, shown))
    local real = train:slice(1, 1, math.min(shown, #train))
    local edited = effects(function(amount) return (edits.apply(walk.edit, real, amount)) end, real)

    for i, amount in ipairs(o.classifier and amounts or {}) do
      local moments, now = judged(o.classifier, walked(amount, o.samples))
      result.frechet[i] = distribution.frechet(reference, moments)
      result.kept[i] = now:eq(class):mean():item()
      moments = judged(o.classifier, (edits.apply(walk.edit, train, amount)))
      result.frechet_edited[i] = distribution.frechet(reference, moments)
      if o.progress then o.progress(i, #amounts) end
    end

    for i, name in ipairs(made.names) do result.measures[i] = {name = name, mean = means(made[name])} end
    result.range, result.limits = {}, {}
    result.range[1], result.limits.below = carried(result, zero, -1)
    result.range[2], result.limits.above = carried(result, zero, 1)
    for _, measure in ipairs(result.measures) do
      measure.correlation, measure.gain = relation(amounts, made[measure.name], result.range)
      if edited[measure.name] then
        measure.ceiling = relation(amounts, edited[measure.name], result.range)
      end
    end
    return result
  end)
end

return steering
