-- steer.lua: learns walks that shift, turn, zoom or thicken what a trained model draws. `lua scripts/steer.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local explore = require "genlat.explore"
local gl = require "genlat"
local judge_of = require("genlat.explore.judges").of
local text = require "genlat.text"
local view = require "genlat.explore.steer"
local edits, steer, train = gl.latent.edits, gl.latent.steer, gl.train

local EXPLANATION = [[
For each edit a walk is learned: the one along which the decoder's images come nearest to its own images with the edit
applied by program (Jahanian, Chai & Isola 2020). Linear walks are kept as directions of the run, named after the edit,
for all tools; walks in steps, by a small network, in walks.safetensors.
Amounts: shift_x (right), shift_y (down) and thicken in pixels, rotate in degrees clockwise, zoom in doublings, brighten
in stops (a stop doubles the brightness).
The effect is what is measured in the walked image less that in the unwalked one of the same latent vector; "follows"
is its correlation with the amount asked for, over images and amounts; in brackets, the same for real images with the
edit itself. The range over which a walk carries: going out from 0, as long as the Frechet distance to real images (on a
LeNet-5's features) is at most twice that at 0, and the mean effect grows by at least a tenth of what the amount grows
by; to 1.25 times the range that was learned, at most. A walk that carries nowhere is not kept.
Writes steer.svg, steer_effect.svg, and a GIF for each walk that carries.]]

-- Learning and measuring, with a bar on a terminal ------------------------------------------------------------------

local progress = train.progress.new(true)
local label

local function advance(what, done, total)
  if what ~= label then progress:start(total) end
  label = what
  progress:update(what, done, function(rate) return ("%.0f/s"):format(rate) end, "")
end

-- The networks that judge: those that the data set's labels and factors allow.
local function judges(data)
  local found = {}
  for _, kind in ipairs {"classifier", "regressor"} do
    if kind == "classifier" and data.train.labels or kind == "regressor" and data.train.factors then
      found[kind] = judge_of(data, kind)
    end
  end
  return found
end

-- A number R, for {-R, R}, or two.
local function range_of(word)
  local list, message = explore.list(train.options.number())(word)
  if not list then return nil, message end
  if #list == 1 then list = {-math.abs(list[1]), math.abs(list[1])} end
  if #list ~= 2 or list[1] > 0 or list[2] < 0 or list[1] == list[2] then
    return nil, text.message("'%s' is not a number, or two around 0 such as -5,10", word)
  end
  return list
end

local function choose(space, options)
  local x, chosen = space:decode(space:prior(16)), {}
  for _, name in ipairs(options.edits or edits.names) do
    local suits = edits.suits(name, x)
    if options.edits and not suits then
      error(("steer: --edits: %s is for light strokes on a dark ground, and these images are not"):format(name), 0)
    end
    if suits then chosen[#chosen + 1] = name end
  end
  if options.range and #chosen > 1 then
    error("steer: --range: it is in the unit of one edit: name that one by --edits", 0)
  end
  return chosen
end

-- Words -------------------------------------------------------------------------------------------------------------

local function number(format, value) return value and format:format(value) or "-" end

-- Why a walk carries nowhere.
local NOWHERE = {
  effect = "the images do not follow: the model may have no dimension left for it (more --latent, other data)",
  quality = "the images become too unlike real ones at once",
}

local function print_result(result)
  local edit = edits.get(result.edit)
  if result.range[1] == result.range[2] then
    print(("%s: carries nowhere: %s"):format(result.edit, NOWHERE[result.limits.above]))
    return
  end
  print(("%s: carries from %.3g to %.3g %s"):format(result.edit, result.range[1], result.range[2], edit.unit))
  for _, measure in ipairs(result.measures) do
    print(("  %-22s follows %s (%s), %s %s for one asked"):format(measure.name, number("%.3f", measure.correlation),
      number("%.3f", measure.ceiling), number("%.2f", measure.gain), edit.unit))
  end
  if not result.frechet then return end
  local at = {}
  for i, amount in ipairs(result.amounts) do at[amount] = i end
  local low, zero, high = at[result.range[1]], at[0], at[result.range[2]]
  print(("  %-22s %.4g, %.4g, %.4g (real images edited: %.4g, %.4g, %.4g)"):format("Frechet at ends and 0",
    result.frechet[low], result.frechet[zero], result.frechet[high], result.frechet_edited[low],
    result.frechet_edited[zero], result.frechet_edited[high]))
  print(("  %-22s %.3f, %.3f"):format("class kept at the ends", result.kept[low], result.kept[high]))
end

-- -------------------------------------------------------------------------------------------------------------------

local function keep(space, walks, stored)
  if not space.folder then return end
  local kept = false
  for _, walk in ipairs(walks) do
    if walk.carries and walk.kind == "linear" then
      space.directions:set(walk.edit, walk.vector, walk:notes())
    elseif walk.carries then
      stored[walk.edit] = walk
    end
    kept = kept or walk.carries
  end
  if not kept then return end
  local linear = walks[1].kind == "linear"
  print(train.check(linear and space.directions:save() or steer.save(space.folder, stored)))
end

local function define(command)
  command.parser:epilog(EXPLANATION)
  command:add("--edits", {metavar = "NAMES", convert = explore.list(train.options.word(edits.names)),
    help = "which: " .. table.concat(edits.names, ",") .. " (all that suit the images)"})
  command:add("--walk", {default = "linear", choices = steer.kinds, metavar = "KIND",
    help = "linear: a direction; steps: a network that takes step after step, which bends with the images"})
  command:add("--range", {metavar = "R", convert = range_of,
    help = "largest amount to learn, to both sides, or two: --range=-5,10 (by edit: a few pixels, 20 degrees, ...)"})
  command:add("--steps", {convert = train.options.whole(1),
    help = "steps of the optimizer (400; for walks in steps 1000)"})
  command:add("--samples", {default = 1000, convert = train.options.whole(100),
    help = "images to measure the quality by, a fifth of them for the effect"})
end

explore.main("steer", "Learns walks through latent space that do what an edit of images does.", define,
  function(space, options)
    local chosen = choose(space, options)
    local stored = space.folder and train.check(steer.load(space.folder, space.latent)) -- now: it may be damaged
    local judge = judges(space.data)
    print(("learning and measuring %s: %s"):format(text.count(#chosen, "walk"), table.concat(chosen, ", ")))
    local walks, results = {}, {}
    for i, name in ipairs(chosen) do
      walks[i] = steer.learn(space, name, {
        walk = options.walk, range = options.range, steps = options.steps, seed = options.seed,
        progress = function(...) advance("learning " .. name, ...) end,
      })
      results[i] = steer.evaluate(space, walks[i], {
        classifier = judge.classifier, regressor = judge.regressor, samples = options.samples,
        measured = math.floor(options.samples / 5), seed = options.seed,
        progress = function(...) advance("measuring " .. name, ...) end,
      })
      progress:clear()
      print_result(results[i])
      walks[i].carries = results[i].range[1] < results[i].range[2]
      if walks[i].carries then walks[i].range = results[i].range end
    end
    keep(space, walks, stored)
    explore.save_text(options, "steer.svg", view.walks(space, walks, options.seed))
    explore.save_text(options, "steer_effect.svg", view.effects(results))
    for _, walk in ipairs(walks) do
      if walk.carries then
        explore.save_gif(options, "steer_" .. walk.edit .. ".gif", view.swing(space, walk, options.seed), {delay = 8})
      end
    end
  end)
