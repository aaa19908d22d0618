-- directions.lua: finds directions of latent space and measures what they change. `lua scripts/directions.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local as_name = require("genlat.latent.directions").as_name
local text = require "genlat.text"
local judges_of = require("genlat.explore.judges").all
local view = require "genlat.explore.directions"
local latent, train = gl.latent, gl.train
local attributes, effects = latent.attributes, latent.effects
local number, whole = train.options.number, train.options.whole

local EXPLANATION = [[
Methods. means: the mean of the latent vectors whose images have more of an attribute, less that of the others.
classifier: the normal of the hyperplane between the two (InterFaceGAN, Shen et al. 2020). components: principal
components of the latent vectors. activations: of what the generator's or decoder's first layer makes of them (GANSpace,
Harkonen et al. 2020). weights: of that layer's weights alone (SeFa, Shen & Zhou 2021).
Attributes are the data set's factors and classes. A GAN's samples are given theirs by networks trained on the real
images; of models told the class, directions are found within the classes.
A unit is one standard deviation of the latent vectors along the direction. Effects are measured in images decoded one
unit (--step) to both sides, by a network that learned the factors of real images (or, where there are none, the
classes), in standard deviations of real images. own / other: the change of the attribute itself over the largest other
one; directions where it is below 1 are listed as weak. Of absolute changes: the same where each image's changes count
without their signs, so that those up and those down do not cancel out.
The network that measures is trained when it is first wanted for a data set, in a minute or two, and kept.
Writes directions_METHOD.svg, and keeps the directions in the run by names such as "smile", "smile classifier", "smile
against others", "component 1", "activation 1", "weight 1", for the other tools. --measure writes also
directions_METHOD_effects.svg, --arithmetic arithmetic.svg.]]

-- What the directions of a method that knows no attributes are called, and their shares are of.
local unsupervised = {
  components = {name = "component", share_of = "the variance"},
  activations = {name = "activation", share_of = "the activations' variance"},
  weights = {name = "weight", share_of = "the weights' squares"},
}

local function define(command)
  command.parser:epilog(EXPLANATION)
  command:add("--method", {choices = {"means", "classifier", "components", "activations", "weights"}, metavar = "WORD",
    help = "means, classifier, components, activations, weights (means where there are attributes, else weights)"})
  command:add("--attributes", {metavar = "NAMES", convert = explore.list(),
    help = "such as smile,glasses, for means and classifier (all factors, or all classes)"})
  command:add("--against", {metavar = "NAMES", convert = explore.list(), help = "attributes to leave as they are, by "
    .. "conditional projection: such as skin,beard, or others for all the other ones"})
  command:add("--count", {default = 6, convert = whole(1), help = "directions, of the other methods"})
  command:add("--images", {metavar = "NUMBERS", convert = explore.list(whole(1)),
    help = "test images to start from, such as 3,17; of a GAN, samples by number"})
  command:add("--rows", {default = 1, convert = whole(1), help = "images to start from, drawn at random"})
  command:add("--class", {metavar = "NAME", help = "the class that a conditional model draws (that of the image)"})
  command:add("--step", {default = 1, convert = number(0, true), help = "units to each side, for measuring"})
  command:add("--samples", {default = 500, convert = whole(10), help = "test images, or samples, for measuring"})
  command:add("--measure", {flag = true, help = "print what each direction changes, in a table"})
  command:add("--arithmetic", {metavar = "TERMS", help = "add and subtract means of groups instead, such as "
    .. "\"smile=high - smile=low + glasses=1\"; a group is NAME=high, =low, =NUMBER, >NUMBER or <NUMBER, or several "
    .. "joined by commas"})
  command:add("--no-save", {flag = true, help = "do not keep the directions in the run"})
end

-- The number of attributes that the space has. Methods that look at the network alone do without the data set.
local function count_attributes(space, options)
  local network_alone = options.method == "weights" or options.method == "activations"
  if network_alone and not options.measure and not pcall(function() return space.data end) then
    options.from_prior = true
    return 0
  end
  return #attributes.names(space)
end

-- Why there are no attributes, in words.
local function no_attributes(space)
  local name = space.data.name
  if not space.conditional then return name .. " has no factors or classes" end
  return ("%s has no factors, and a %s is given the class"):format(name, space.model:name())
end

-- Sets the method where none was asked for, and says what does not go together. Returns whether there are attributes.
local function check(space, options)
  local any = count_attributes(space, options) > 0
  options.method = options.method or (any and "means" or "weights")
  if unsupervised[options.method] then
    for _, name in ipairs {"attributes", "against"} do
      if options[name] then explore.fail(options, "--" .. name, "the method %s knows none", options.method) end
    end
    if options.method == "components" and not space:has_encoder() then
      explore.fail(options, "--method", "a %s draws its latent vectors from N(0, I), which has no components: take "
        .. "activations or weights", space.model:name())
    end
  elseif not any then
    explore.fail(options, "--method", "%s: nothing for %s; take %sactivations or weights",
      no_attributes(space), options.method, space:has_encoder() and "components, " or "")
  end
  if options.measure and not any then
    explore.fail(options, "--measure", "%s: nothing to measure", no_attributes(space))
  end
  return any
end

-- What measures directions; nil where there is nothing to measure. The classes that were asked for are measured too.
local function instrument(space, judges, options)
  local names = effects.measurable(space, judges, options.attributes)
  return #names > 0 and effects.new(space, {
    judges = judges, names = names, images = options.samples, step = options.step, seed = options.seed,
  }) or nil
end

-- Directions --------------------------------------------------------------------------------------------------------

local function check_names(space, options, option, names)
  local all, known = attributes.names(space), {}
  for _, name in ipairs(all) do known[name] = true end
  for _, name in ipairs(names or {}) do
    if not known[name] then
      explore.fail(options, option, "there is no attribute '%s'; there are %s", name,
        #all > 0 and table.concat(all, ", ") or "none")
    end
  end
end

-- Directions of attributes, named after them, the method, and what they are against.
local function supervised(space, judges, options)
  options.attributes = options.attributes or attributes.usual(space)
  local others = options.against and options.against[1] == "others"
  local against = others and options.attributes or options.against or {}
  check_names(space, options, "--attributes", options.attributes)
  check_names(space, options, "--against", against)
  local list = attributes.find(space, {
    names = options.attributes, against = against, judges = judges, seed = options.seed,
    method = options.method == "classifier" and "normals" or "means",
  })
  for _, direction in ipairs(list) do
    direction.attribute, direction.name = direction.name, text.shown(direction.name)
    if options.method == "classifier" then direction.name = direction.name .. " classifier" end
    if options.against then
      direction.name = direction.name .. " against " .. (others and "others" or table.concat(against, "+"))
    end
  end
  return list
end

local function find(space, judges, options)
  local kind = unsupervised[options.method]
  if not kind then return supervised(space, judges, options) end
  local list = latent.semantics[options.method](space, {count = options.count, seed = options.seed})
  for i, direction in ipairs(list) do
    direction.name, direction.share_of = ("%s %d"):format(kind.name, i), kind.share_of
  end
  return list
end

local function keep(space, list, options)
  if options.no_save or not space.folder then return end
  local names = {}
  for i, direction in ipairs(list) do
    names[i] = as_name(direction.name)
    space.directions:set(names[i], direction.vector, {method = options.method, against = options.against})
  end
  print(train.check(space.directions:save()))
  print("kept: " .. table.concat(names, ", "))
end

-- The latent vectors to start from, N x latent, and their labels.
local function starts(space, options)
  local numbers, label = options.images, explore.label(space, options)
  local from_prior = options.from_prior or not space:has_encoder()
  if not numbers then
    numbers = {}
    local count = from_prior and options.rows or space.data.test.count
    local order = gl.randperm(count, options.seed)
    for i = 1, math.min(options.rows, count) do
      numbers[i] = from_prior and i or order[i]:item()
    end
  end
  local z, labels = explore.numbered(space, options, "--images", numbers, from_prior)
  return z, space:labels(#z, label or labels)
end

-- -------------------------------------------------------------------------------------------------------------------

local function arithmetic(space, judges, options)
  local label = explore.label(space, options) or 1
  local function checked(ok, first, second)
    if not ok then explore.fail(options, "--arithmetic", "%s", first) end
    return first, second
  end
  local _, names = checked(pcall(latent.arithmetic.parse, options.arithmetic))
  check_names(space, options, "--arithmetic", names)
  local examples = attributes.examples(space, {names = names, judges = judges, seed = options.seed})
  local result = checked(pcall(latent.arithmetic.evaluate, examples, options.arithmetic))
  explore.save_text(options, "arithmetic.svg", view.arithmetic(options, space, examples, result, label))
end

-- Prints what the directions do, by what measures it (tool, or nil), and draws the table of all changes if asked.
local function report(space, list, tool, options)
  if not options.measure then
    for _, direction in ipairs(list) do print(direction.name .. ": " .. view.describe(direction, tool)) end
    return
  end
  if not tool then
    explore.fail(options, "--measure", "the regressor explains less than half of the variance of each factor of %s",
      space.data.name)
  end
  print(view.table(list, tool))
  local words = view.selectivity(list, tool)
  if words then print(words) end
  explore.save_text(options, ("directions_%s_effects.svg"):format(options.method),
    view.effects(options, space, list, tool))
end

explore.main("directions", "Finds directions of latent space, and shows and measures what they change.", define,
  function(space, options)
    local judges = judges_of(space)
    if options.arithmetic then return arithmetic(space, judges, options) end
    local any = check(space, options)
    local z, labels = starts(space, options)
    local list = find(space, judges, options)
    local tool = any and instrument(space, judges, options)
    if tool then tool:measure(list) end
    report(space, list, tool, options)
    explore.save_text(options, ("directions_%s.svg"):format(options.method),
      view.walks(options, space, list, tool, z, labels))
    keep(space, list, options)
    local weak = view.weak(options, list)
    if weak then print(weak) end
  end)
