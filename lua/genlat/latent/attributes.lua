--- attributes.lua: directions of a latent space along which a known attribute of images changes. effects.lua measures
-- what they do; arithmetic.lua adds and subtracts groups of the same examples.
--
--   local examples = attributes.examples(space, {names = {"smile", "glasses"}})
--   local list = attributes.means(examples)                      -- or attributes.normals(examples)
--   local x = space:decode(z + 2 * list[1].vector)               -- two standard deviations of latent vectors further
--   local plain = attributes.project(examples, list[1].vector, {list[2].vector})   -- leaves glasses alone
--
-- Attributes are the data set's factors (numbers) and its classes (1 or 0), by their names. Examples are latent vectors
-- whose attributes are known: of a model with an encoder, the encoded training images; of a GAN, vectors of the prior,
-- with the attributes that a network trained on the real images measures in what they become. A conditional model is
-- told the class, and z says what the class leaves open: all is done within the classes.
--   z        N x latent                    labels   N (of conditional models; else nil)
--   names    of A attributes               values   N x A
--   centred  z less the mean, of its class for conditional models
--   whiten   latent x latent: the rows centred whiten have the covariance I; colour: its inverse
-- Distances and angles are those of whitened vectors, as the papers' z ~ N(0, I) is: a GAN's z is such already.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local scope = require "genlat.scope"
local classifier = require "genlat.metrics.classifier"
local optim = require "genlat.optim"

local attributes = {}

local ENCODED, SAMPLED = 20000, 5000 -- examples: training images of models with an encoder, samples of GANs
local CHUNK = 500
local SEED = 20200614
local FIT = {steps = 300, lr = 0.05, decay = 1e-3, held_out = 0.2} -- logistic regression

-- Attributes --------------------------------------------------------------------------------------------------------

--- The names of all attributes of a space: the factors of its data set, then, unless the model is told the class, the
-- classes; and how many of them are factors.
function attributes.names(space)
  check.arguments("attributes.names", "space:space", space)
  local names, seen = {}, {}
  for _, name in ipairs(space.data.factor_names or {}) do
    names[#names + 1], seen[name] = name, true
  end
  local factors = #names
  for _, name in ipairs(not space.conditional and space.data.train.labels and space.data.classes or {}) do
    if not seen[name] then names[#names + 1] = name end
  end
  return names, factors
end

--- The names of the attributes that are looked at where none are asked for: the factors or, where the data set has
-- none, the classes; not one that no training image is of, as of a model that was trained without it.
function attributes.usual(space)
  check.arguments("attributes.usual", "space:space", space)
  local names, factors = attributes.names(space)
  if factors > 0 or #names == 0 then return {table.unpack(names, 1, factors)} end
  local found, labels = {}, space.data.train.labels
  for label, name in ipairs(space.data.classes) do
    if labels:eq(label):sum():item() > 0 then found[#found + 1] = name end
  end
  return found
end

-- The place of each name: {factor = i} or {class = label}.
local function places_of(space, names)
  local all, factors = attributes.names(space)
  local place = {}
  for i, name in ipairs(all) do place[name] = i <= factors and {factor = i} or {} end
  for label, name in ipairs(space.data.classes or {}) do
    if place[name] and not place[name].factor then place[name].class = label end
  end
  local list = {}
  for i, name in ipairs(names) do
    list[i] = place[name] or error(("attributes: there is no '%s'; there are %s"):format(name,
      #all > 0 and table.concat(all, ", ") or "none"), 3)
  end
  return list
end

-- The classes' probabilities for images (N x H x W x C), to a classifier: N x classes.
local function probabilities(judge, images)
  local next_chunk = chunks.each(#images, chunks.size(chunks.floats(judge), CHUNK))
  local _, logits = classifier.judge(judge, function()
    local first, last = next_chunk()
    return first and images:slice(1, first, last)
  end)
  return logits:softmax(2)
end

--- A function that measures these attributes (names) in images, N x H x W x C -> N x A, in their own units; of a class:
-- how probable it is. judges: {regressor = metrics.regressor.of(data), classifier = metrics.classifier.of(data)}, those
-- that are needed.
function attributes.meter(space, names, judges)
  local places = places_of(space, names)
  return function(images)
    local parts, factors, classes = {}, nil, nil
    for i, place in ipairs(places) do
      if place.factor then
        factors = factors or judges.regressor:measure(images)
        parts[i] = factors:select(2, place.factor)
      else
        classes = classes or probabilities(judges.classifier, images)
        parts[i] = classes:select(2, place.class)
      end
    end
    return core.stack(parts, 2)
  end
end

--- The standard deviation of each attribute (names) among the real training images: A.
function attributes.deviations(space, names)
  check.arguments("attributes.deviations", "space:space names:table?", space, names)
  local train = space.data.train
  return scope.run({recording = false}, function()
    local list = {}
    for i, place in ipairs(places_of(space, names)) do
      local values = place.factor and train.factors:select(2, place.factor) or train.labels:eq(place.class):float()
      list[i] = values:std():item()
    end
    return core.tensor(list):maximum(1e-6)
  end)
end

-- Examples ----------------------------------------------------------------------------------------------------------

--- z (N x latent) less its mean, within each class where labels (N) are given.
function attributes.centred(z, labels)
  check.arguments("attributes.centred", "z:tensor labels:tensor?", z, labels)
  if not labels then return z - z:mean(1) end
  local classes = math.tointeger(labels:max():item())
  local code = labels:one_hot(classes)
  local means = code:t():matmul(z) / code:sum(1):maximum(1):unsqueeze(2)
  return z - means:index_select(labels)
end

-- The attributes of the first count training images.
local function known_values(space, places, count)
  local train, list = space.data.train, {}
  for i, place in ipairs(places) do
    local column = place.factor and train.factors:select(2, place.factor) or train.labels:eq(place.class):float()
    list[i] = column:slice(1, 1, count)
  end
  return core.stack(list, 2)
end

-- whiten and colour for centred rows. A little is added to the variances, for axes that depend on each other.
local function whitening(centred)
  local _, covariance = core.linalg.moments(centred)
  local trace, d = 0, #covariance
  for i = 1, d do trace = trace + covariance[i][i] end
  for i = 1, d do covariance[i][i] = covariance[i][i] + trace / d * 1e-5 + 1e-12 end
  local l = core.linalg.cholesky(covariance)
  if not l then error("attributes: the latent vectors are not all finite numbers", 0) end
  return core.tensor(core.linalg.inverse_lower(l)):t(), core.tensor(l):t()
end

--- Examples from what is known: z (N x latent), names (A), values (N x A), and labels (N) of a conditional model.
-- white: z is from N(0, I). classes: true by the place of each attribute that is a class, whose values are the
-- probabilities of being in it.
function attributes.known(z, names, values, labels, white, classes)
  local examples = {
    z = z, labels = labels, names = names, values = values, classes = classes or {},
    centred = attributes.centred(z, labels),
  }
  if white then
    examples.whiten, examples.colour = core.eye(z:size(2)), core.eye(z:size(2))
  else
    examples.whiten, examples.colour = whitening(examples.centred)
  end
  return examples
end

local EXAMPLES = {
  names = {check.list(check.text)}, count = {check.whole(1)}, judges = {check.any}, seed = {check.seed, SEED},
}

--- Examples of a space (see above). settings: names (all attributes), count (20,000 training images; 5,000 samples of
-- a GAN), judges (see attributes.meter; of GANs), seed (of a GAN's samples).
function attributes.examples(space, settings)
  check.arguments("attributes.examples", "space:space settings:table?", space, settings)
  settings = check.options("attributes.examples", settings, EXAMPLES)
  local names = settings.names or attributes.names(space)
  local places = places_of(space, names)
  local classes = {}
  for i, place in ipairs(places) do classes[i] = place.class ~= nil end
  return scope.run({recording = false, seed = settings.seed, eval = space.model}, function()
    if space:has_encoder() then
      local z, labels = space:encode_split(space.data.train, settings.count or ENCODED)
      return attributes.known(z, names, known_values(space, places, #z), space.conditional and labels, false, classes)
    end
    local z = space:prior(settings.count or SAMPLED)
    local labels = space:labels(#z)
    local meter = attributes.meter(space, names, settings.judges)
    local values = chunks.map(#z, chunks.size(chunks.floats(space.model), CHUNK), function(first, last)
      return meter(space:decode(z:slice(1, first, last), labels and labels:slice(1, first, last)))
    end)
    return attributes.known(z, names, values, labels, true, classes)
  end)
end

-- The upper against the lower half ----------------------------------------------------------------------------------

-- A number that has as near to half of the numbers (sorted) below it as can be, where many are equal; nil if all are.
local function middle_of(sorted)
  local n, best = #sorted, nil
  for offset = 0, n // 2 do
    for _, i in ipairs {n // 2 - offset, n // 2 + offset} do
      if i >= 1 and i < n and sorted[i] < sorted[i + 1] then best = best or (sorted[i] + sorted[i + 1]) / 2 end
    end
    if best then return best end
  end
end

-- For N probabilities of being in a class, +1 where it is more likely than not, else -1; 0 where that is true of all.
local function sides_of_class(list)
  local sides, inside = {}, 0
  for i, probability in ipairs(list) do
    sides[i] = probability > 0.5 and 1 or -1
    if sides[i] > 0 then inside = inside + 1 end
  end
  for i = 1, #sides do
    if inside == 0 or inside == #sides then sides[i] = 0 end
  end
  return sides
end

-- For N numbers (a list), +1 in the upper half and -1 in the lower one, of its class' examples; 0 where all are equal.
local function sides_of(list, labels)
  local groups, sides = {}, {}
  for i, value in ipairs(list) do
    local class = labels and labels[i] or 1
    groups[class] = groups[class] or {}
    table.insert(groups[class], value)
  end
  local middles = {}
  for class, values in pairs(groups) do
    table.sort(values)
    middles[class] = middle_of(values)
  end
  for i, value in ipairs(list) do
    local middle = middles[labels and labels[i] or 1]
    sides[i] = middle and (value > middle and 1 or -1) or 0
  end
  return sides
end

-- N x A: 1 for examples in the upper half of an attribute, or of the class; -1 for the others; 0: cannot be said.
local function all_sides(examples)
  local labels, columns = examples.labels and examples.labels:totable(), {}
  for i, name in ipairs(examples.names) do
    local values = examples.values:select(2, i):totable()
    columns[i] = core.tensor(examples.classes[i] and sides_of_class(values) or sides_of(values, labels))
    if columns[i]:abs():sum():item() == 0 then
      error(("attributes: %s is the same in all %d examples: it has no direction, leave it out"):format(name,
        #examples.z), 3)
    end
  end
  return core.stack(columns, 2)
end

-- A vector v of z's space with the length of one standard deviation of the examples along it.
local function with_length(examples, v)
  local unit = v / v:norm():maximum(1e-30)
  return unit * examples.centred:matmul(unit:unsqueeze(2)):std():item()
end

-- A whitened direction e as a vector of z that is one standard deviation of the examples long.
local function as_vector(examples, e)
  return with_length(examples, e:unsqueeze(1):matmul(examples.colour)[1])
end

-- Directions --------------------------------------------------------------------------------------------------------

--- The difference of means: of the latent vectors in the upper half of each attribute less those in the lower half; of
-- a class, those in it less the rest. Returns a list of {name =, vector = latent}, a vector as long as the standard
-- deviation of the examples along it, in the order of the examples' names. Raises where an attribute does not vary.
function attributes.means(examples)
  check.arguments("attributes.means", "examples:examples", examples)
  return scope.run({recording = false}, function()
    local sides, list = all_sides(examples), {}
    for i, name in ipairs(examples.names) do
      local upper, lower = sides:select(2, i):clamp(0, 1), (-sides:select(2, i)):clamp(0, 1)
      local function mean(weights) return weights:unsqueeze(1):matmul(examples.centred)[1] / weights:sum() end
      list[i] = {name = name, vector = with_length(examples, mean(upper) - mean(lower))}
    end
    return list
  end)
end

-- Weights (latent x A) and biases (A) of a logistic regression of each column of sides (+1, -1; 0 does not count) on
-- rows e: least mean of log(1 + exp(-side (e w + b))) + decay |w|^2 / 2.
local function logistic(e, sides)
  local counts, targets = sides:abs(), sides:clamp(0, 1)
  local w, b = core.zeros(e:size(2), sides:size(2)), core.zeros(sides:size(2))
  w.requires_grad, b.requires_grad = true, true
  local optimizer = optim.Adam({w, b}, {lr = FIT.lr})
  local schedule = optim.CosineAnnealingLR(optimizer, {t_max = FIT.steps})
  for _ = 1, FIT.steps do
    local losses = (e:matmul(w) + b):bce_with_logits(targets, "none") * counts
    local loss = (losses:sum(1) / counts:sum(1):maximum(1)):sum() + w:square():sum() * (FIT.decay / 2)
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
    schedule:step()
  end
  return w:detach(), b:detach()
end

-- The share of examples on the right side of each hyperplane, and the share of the larger side: two lists of A.
local function accuracies(e, sides, w, b)
  local counts = sides:abs():sum(1):maximum(1)
  local right = ((e:matmul(w) + b) * sides):gt(0):float():sum(1) / counts
  local upper = sides:clamp(0, 1):sum(1) / counts
  return right:totable(), upper:maximum(1 - upper):totable()
end

--- The normals of hyperplanes that divide the upper half of each attribute from the lower one, a class from the rest
-- (InterFaceGAN, Shen et al. 2020, sec. 2.2), by logistic regression with weight decay on four fifths of the examples.
-- Returns a list as attributes.means does, with accuracy, the share of the fifth held out that it gets right, and
-- chance, the share of the larger side in it. settings: seed (of the division).
function attributes.normals(examples, settings)
  check.arguments("attributes.normals", "examples:examples settings:table?", examples, settings)
  local seed = check.options("attributes.normals", settings, {seed = {check.seed, SEED}}).seed
  return scope.run({recording = false, seed = seed}, function()
    local sides, e = all_sides(examples), examples.centred:matmul(examples.whiten)
    local n = #e
    local order, held = core.randperm(n, seed), math.max(1, math.floor(n * FIT.held_out))
    local function part(t, first, last) return t:index_select(order:slice(1, first, last)) end
    local w, b = scope.run({recording = true}, logistic, part(e, held + 1, n), part(sides, held + 1, n))
    local accuracy, chance = accuracies(part(e, 1, held), part(sides, 1, held), w, b)
    local list = {}
    for i, name in ipairs(examples.names) do
      list[i] = {
        name = name, vector = as_vector(examples, w:select(2, i)), accuracy = accuracy[i], chance = chance[i],
      }
    end
    return list
  end)
end

--- Conditional projection (Shen et al. 2020, eq. 4; sec. 2.3 for several): what is left of a direction (latent) when
-- those of other attributes (a list) are taken out, n1 - (n1' n2) n2, of several all of what they span. Moving along it
-- does not cross the others' hyperplanes. Raises where nothing is left.
function attributes.project(examples, vector, others)
  check.arguments("attributes.project", "examples:examples vector:tensor others:table", examples, vector, others)
  return scope.run({recording = false}, function()
    local basis = {}
    local function rest(v)
      local e = v:unsqueeze(1):matmul(examples.whiten)[1]
      local whole = e:norm():item()
      for _, q in ipairs(basis) do e = e - q * (e * q):sum() end
      return e, e:norm():item() / whole
    end
    for _, other in ipairs(others) do
      local e, left = rest(other)
      if left > 1e-4 then basis[#basis + 1] = e / e:norm() end
    end
    local e, left = rest(vector)
    if left <= 1e-4 then error("project: nothing is left of the direction without the others", 3) end
    return as_vector(examples, e)
  end)
end

--- A list of directions ({name =, vector =}), each without those of the attributes in names (but for its own): see
-- project. All of them have to be in the list. Returns a new list of the same.
function attributes.hold(examples, list, names)
  local by_name, held = {}, {}
  for _, direction in ipairs(list) do by_name[direction.name] = direction.vector end
  for i, direction in ipairs(list) do
    local others = {}
    for _, name in ipairs(names) do
      if name ~= direction.name then others[#others + 1] = by_name[name] end
    end
    held[i] = {}
    for key, value in pairs(direction) do held[i][key] = value end
    if #others > 0 then held[i].vector = attributes.project(examples, direction.vector, others) end
  end
  return held
end

-- The names of both lists, each once.
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

--- The directions of attributes, from examples of the space: a list as attributes.means returns it, in the order of
-- the names. settings: names (attributes.usual); against: names of attributes that are left as they are, see hold;
-- method: "means" or "normals" ("means"); judges and seed as for attributes.examples.
--
--   local list = gl.latent.attributes.find(space, {names = {"smile"}, against = {"glasses"}})
function attributes.find(space, settings)
  check.arguments("attributes.find", "space:space settings:table", space, settings)
  local names, against = settings.names or attributes.usual(space), settings.against or {}
  local examples = attributes.examples(space, {
    names = union(names, against), judges = settings.judges, seed = settings.seed,
  })
  local found = settings.method == "normals" and attributes.normals(examples, {seed = settings.seed})
    or attributes.means(examples)
  if #against > 0 then found = attributes.hold(examples, found, against) end
  return {table.unpack(found, 1, #names)}
end

return attributes
