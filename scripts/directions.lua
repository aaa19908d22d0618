-- directions.lua: finds directions of latent space and measures what they change. `lua scripts/directions.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local latent, train = gl.latent, gl.train
local attributes = latent.attributes
local number, whole = train.options.number, train.options.whole

local REACH = 3 -- units to each side in the picture
local FAINT = 0.05 -- standard deviations: an effect of less is none
local SHOWN = 8 -- images of a group in the picture of an arithmetic
local NOISE = 0.25 -- of a standard deviation, around its result (Radford et al. 2016, sec. 6.3.2)

local EXPLANATION = [[
Methods. means: the mean of the latent vectors whose images have more of an attribute, less that of the others.
classifier: the normal of the hyperplane between the two (InterFaceGAN, Shen et al. 2020). components: principal
components of the latent vectors. activations: of what the generator's or decoder's first layer makes of them (GANSpace,
Harkonen et al. 2020). weights: of that layer's weights alone (SeFa, Shen & Zhou 2021).
Attributes are the data set's factors and classes. A GAN's samples are given theirs by networks trained on the real
images; of models told the class, directions are found within the classes.
A unit is one standard deviation of the latent vectors along the direction. Effects are measured in images decoded one
unit (--step) to both sides, by a network that learned the factors of real images (or, where there are none, the
classes), in standard deviations of real images. "times any other": the change of the attribute itself over the largest
other one.
Writes directions_METHOD.svg, and keeps the directions in the run by names such as "smile", "smile classifier", "smile
against others", "component 1", "activation 1", "weight 1", for the other tools. --measure writes also
directions_METHOD_effects.svg, --arithmetic arithmetic.svg.]]

local unsupervised = {components = "component", activations = "activation", weights = "weight"}
local share_of = {
  components = "the variance", activations = "the activations' variance", weights = "the weights' squares",
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

-- Judges ------------------------------------------------------------------------------------------------------------

local progress = train.progress.new(true)

-- The network of that kind (regressor, classifier) for the space's data set, with a bar while it is trained.
local function judge_of(space, kind)
  local started = false
  local judge, path = gl.metrics[kind].of(space.data, {progress = function(done, total)
    if not started then progress:start(total) end
    started = true
    progress:update("training a " .. kind, done, function(rate) return ("%.0f steps/s"):format(rate) end, "")
  end})
  progress:clear()
  return train.check(judge, path)
end

-- Networks for these attributes: {regressor =, classifier =}, made when they are first asked for.
local function judges_of(space)
  return setmetatable({}, {__index = function(self, kind)
    self[kind] = judge_of(space, kind)
    return self[kind]
  end})
end

-- The lists joined, each name once.
local function union(a, b)
  local list, seen = {}, {}
  for _, names in ipairs {a, b} do
    for _, name in ipairs(names) do
      if not seen[name] then list[#list + 1] = name end
      seen[name] = true
    end
  end
  return list
end

-- What measures directions; nil where there is nothing to measure. The classes that were asked for are measured too.
local function instrument(space, judges, options)
  local all, factors = attributes.names(space)
  local is_class = {}
  for i = factors + 1, #all do is_class[all[i]] = true end
  local asked = {}
  for _, name in ipairs(options.attributes or {}) do
    if is_class[name] then asked[#asked + 1] = name end
  end
  local names = union(latent.effects.measurable(space, judges), asked)
  if #names == 0 then return nil end
  return latent.effects.new(space, {
    judges = judges, names = names, images = options.samples, step = options.step, seed = options.seed,
  })
end

-- Directions --------------------------------------------------------------------------------------------------------

local function default_attributes(space)
  local names, factors = attributes.names(space)
  return factors > 0 and {table.unpack(names, 1, factors)} or names
end

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

local function supervised(space, judges, options)
  options.attributes = options.attributes or default_attributes(space)
  local others = options.against and options.against[1] == "others"
  local against = others and options.attributes or options.against or {}
  check_names(space, options, "--attributes", options.attributes)
  check_names(space, options, "--against", against)
  local examples = attributes.examples(space, {
    names = union(options.attributes, against), judges = judges, seed = options.seed,
  })
  local found = options.method == "means" and attributes.means(examples)
    or attributes.normals(examples, {seed = options.seed})
  if options.against then found = attributes.hold(examples, found, against) end
  local list = {}
  for i = 1, #options.attributes do
    local direction = found[i]
    direction.attribute = direction.name
    if options.method == "classifier" then direction.name = direction.name .. " classifier" end
    if options.against then
      direction.name = direction.name .. " against " .. (others and "others" or table.concat(against, "+"))
    end
    list[i] = direction
  end
  return list
end

local function find(space, judges, options)
  if not unsupervised[options.method] then return supervised(space, judges, options) end
  local list = latent.semantics[options.method](space, {count = options.count})
  for i, direction in ipairs(list) do
    direction.name, direction.share_of = ("%s %d"):format(unsupervised[options.method], i), share_of[options.method]
  end
  return list
end

-- What a name of an attribute becomes where it cannot be a direction's name.
local function file_name(name) return (name:gsub("[^%w _.:+%-]", "-"):gsub("^[^%w]", "x%0"):sub(1, 60)) end

local function keep(space, list, options)
  if options.no_save or not space.folder then return end
  local names = {}
  for i, direction in ipairs(list) do
    names[i] = file_name(direction.name)
    space.directions:set(names[i], direction.vector, {method = options.method, against = options.against})
  end
  print(train.check(space.directions:save()))
  print("kept: " .. table.concat(names, ", "))
end

-- Words -------------------------------------------------------------------------------------------------------------

-- The numbers of the attributes that change most, and then second most.
local function leading(changes)
  local first, second
  for i, change in ipairs(changes) do
    local size = math.abs(change)
    if not first or size > math.abs(changes[first]) then
      first, second = i, first
    elseif not second or size > math.abs(changes[second]) then
      second = i
    end
  end
  return first, second
end

-- What a direction does, in words: its effect on its own attribute or, where it has none, on what changes most.
local function effect_words(direction, tool)
  local changes, name = direction.changes, direction.attribute
  if name then
    local own = changes[tool.column[name] or 0]
    if not own then return "the regressor cannot measure it" end
    if math.abs(own) < FAINT then return ("hardly changes it (%+.2f)"):format(own) end
    local times, other = tool:selectivity(changes, name)
    return times and ("%+.2f, %.1f times any other (%s)"):format(own, times, other) or ("%+.2f"):format(own)
  end
  local first, second = leading(changes)
  local words = ("%s %+.2f"):format(tool.names[first], changes[first])
  return second and ("%s, %s %+.2f"):format(words, tool.names[second], changes[second]) or words
end

local function describe(direction)
  local words = {}
  if direction.share then words[1] = ("%.1f %% of %s"):format(100 * direction.share, direction.share_of) end
  if direction.effect then words[#words + 1] = direction.effect end
  if direction.accuracy then
    words[#words + 1] = ("told apart %.3f (chance %.3f)"):format(direction.accuracy, direction.chance)
  end
  return table.concat(words, "; ")
end

-- Pictures ----------------------------------------------------------------------------------------------------------

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

local function heading_of(space, options)
  local words = {space.folder or space.model:name()}
  if options.against then words[#words + 1] = "against " .. table.concat(options.against, ", ") end
  return table.concat(words, ", ")
end

-- A row for each direction and start (z: N x latent, labels: N or nil).
local function sheet(space, list, tool, options, z, labels)
  local columns, amounts, rows = {}, {}, {}
  for i = -REACH, REACH do
    columns[#columns + 1], amounts[#amounts + 1] = i == 0 and "0" or ("%+d"):format(i), i
  end
  local steps = gl.tensor(amounts):unsqueeze(2)
  for _, direction in ipairs(list) do
    for k = 1, #z do
      local start, label = z[k], labels and labels:slice(1, k, k):expand(#amounts)
      rows[#rows + 1] = {
        name = k == 1 and direction.name or "", note = k == 1 and describe(direction) or nil,
        images = space:decode(start + steps * direction.vector, label),
      }
    end
  end
  return gl.plot.sheet.svg {
    title = "Directions: " .. options.method, subtitle = heading_of(space, options), columns = columns, rows = rows,
    mark = REACH + 1, foot = "Columns: standard deviations of latent vectors along the direction." .. (tool
      and (" Numbers: mean change by a move of %g, in %d images, in standard deviations of real images."):format(
        tool.step, tool.count) or ""),
  }
end

-- The table of all changes ------------------------------------------------------------------------------------------

local function print_table(list, tool)
  local width = 4
  for _, direction in ipairs(list) do width = math.max(width, #direction.name) end
  local head = {("%-" .. width .. "s"):format("")}
  for i, name in ipairs(tool.names) do head[i + 1] = ("%7s"):format(name:sub(1, 7)) end
  print(table.concat(head, " ") .. "  own/other")
  for _, direction in ipairs(list) do
    local cells = {("%-" .. width .. "s"):format(direction.name)}
    for i, change in ipairs(direction.changes) do cells[i + 1] = ("%+7.2f"):format(change) end
    print(table.concat(cells, " ") .. (direction.times and ("  %.2f"):format(direction.times) or ""))
  end
end

-- The means over directions of the own attribute's change over the largest other one: of mean changes, and of absolute
-- ones; and of how many.
local function mean_selectivity(list, tool)
  local sum, absolute, n = 0, 0, 0
  for _, direction in ipairs(list) do
    direction.times = tool:selectivity(direction.changes, direction.attribute)
    if direction.times then
      sum, n = sum + direction.times, n + 1
      absolute = absolute + tool:selectivity(direction.absolute, direction.attribute)
    end
  end
  if n > 0 then return sum / n, absolute / n, n end
end

local function table_picture(space, list, tool, options, foot)
  local rows = {}
  for i, direction in ipairs(list) do
    rows[i] = {
      name = direction.name, values = direction.changes, note = direction.times and ("%.1f"):format(direction.times),
      mark = tool.column[direction.attribute],
    }
  end
  return gl.plot.matrix.svg {
    title = "What directions change: " .. options.method, subtitle = heading_of(space, options), rows = rows,
    columns = tool.names, column_title = "mean change, in standard deviations of real images",
    note_title = "own / other", foot = foot,
  }
end

local function measure(space, list, tool, options)
  local mean, absolute, n = mean_selectivity(list, tool)
  print_table(list, tool)
  local foot = ("%d %s, moved by %g to both sides."):format(tool.count,
    space:has_encoder() and "encoded test images" or "samples", tool.step)
  if mean then
    local words = ("own / other, mean over %d attributes: %.2f (of absolute changes: %.2f)"):format(n, mean, absolute)
    print(words)
    foot = foot .. " " .. words .. "."
  end
  explore.save_text(options, ("directions_%s_effects.svg"):format(options.method),
    table_picture(space, list, tool, options, foot))
end

-- Arithmetic --------------------------------------------------------------------------------------------------------

-- A row of images from latent vectors, all of the start's class.
local function decoded(space, rows, label)
  local z = gl.cat(rows)
  return space:decode(z, space:labels(#z, label))
end

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
  local rows = {}
  for i, term in ipairs(result.terms) do
    local some = {term.z:unsqueeze(1)}
    for k = 1, math.min(SHOWN, #term.members) do
      some[k + 1] = examples.z:slice(1, term.members[k], term.members[k])
    end
    rows[i] = {
      name = (term.sign < 0 and "- " or i > 1 and "+ " or "") .. term.text:gsub("%s*,%s*", ", "),
      note = ("%d examples"):format(#term.members), images = decoded(space, some, label),
    }
  end
  gl.seed(options.seed)
  local around = gl.randn(SHOWN, space.latent) * examples.centred:std(1) * NOISE + result.z
  rows[#rows + 1] = {
    name = "=", note = "and with noise", images = decoded(space, {result.z:unsqueeze(1), around}, label),
  }
  explore.save_text(options, "arithmetic.svg", gl.plot.sheet.svg {
    title = "Vector arithmetic", subtitle = heading_of(space, options) .. ": " .. options.arithmetic, rows = rows,
    columns = {"mean"}, mark = 1, foot = "First column: what the mean of the group's latent vectors decodes to, and "
      .. "at the bottom their sum. The others: members of the group; around the sum, a quarter of a standard deviation "
      .. "of noise.",
  })
end

-- -------------------------------------------------------------------------------------------------------------------

-- The number of attributes that the space has. Methods that look at the network alone do without the data set.
local function count_attributes(space, options)
  local network_alone = options.method == "weights" or options.method == "activations"
  if network_alone and not options.measure and not pcall(function() return space.data end) then
    options.from_prior = true
    return 0
  end
  return #attributes.names(space)
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
    explore.fail(options, "--method", "%s has no factors or classes for %s: take components, activations or weights",
      space.data.name, options.method)
  end
  if options.measure and not any then
    explore.fail(options, "--measure", "%s has no factors or classes to measure", space.data.name)
  end
  return any
end

explore.main("directions", "Finds directions of latent space, and shows and measures what they change.", define,
  function(space, options)
    local judges = judges_of(space)
    if options.arithmetic then return arithmetic(space, judges, options) end
    local any = check(space, options)
    local z, labels = starts(space, options)
    local list = find(space, judges, options)
    local tool = any and instrument(space, judges, options)
    if tool then
      for _, direction in ipairs(list) do
        direction.changes, direction.absolute = tool:changes(direction.vector)
        direction.effect = effect_words(direction, tool)
      end
    end
    if options.measure then
      measure(space, list, tool, options)
    else
      for _, direction in ipairs(list) do print(direction.name .. ": " .. describe(direction)) end
    end
    local picture = sheet(space, list, tool, options, z, labels)
    explore.save_text(options, ("directions_%s.svg"):format(options.method), picture)
    keep(space, list, options)
  end)
