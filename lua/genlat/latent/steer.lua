--- steer.lua: walks through a latent space that do to images what a simple edit does: shift, turn, zoom, thicken
-- (Jahanian, Chai & Isola 2020, "On the steerability of generative adversarial networks"). steering.lua measures them.
--
--   local walk = steer.learn(space, "rotate", {walk = "linear", steps = 400})
--   local x = space:decode(walk:move(z, 15))                 -- z: N x latent; 15 degrees
--   space.directions:set("rotate", walk.vector, walk:notes())  -- of a linear walk
--
-- A walk has
--   edit, kind    the edit's name; "linear" or "steps"
--   range         {least, most} amount that it was learned for, later that over which it carries
--   vector        of a linear one: latent, for an amount of 1
--   plus, minus, step   of one in steps: the networks that take a step of that amount forwards or backwards

local check = require "genlat.check"
local core = require "genlat.core"
local finite = require "genlat.nn.finite"
local json = require "genlat.json"
local nn = require "genlat.nn"
local optim = require "genlat.optim"
local safetensors = require "genlat.safetensors"
local text = require "genlat.text"
local scope = require "genlat.scope"
local edits = require "genlat.latent.edits"
local steering = require "genlat.latent.steering"

local steer = {}

steer.kinds = {"linear", "steps"}

local FORMAT, FILE = "genlat walks", "walks.safetensors"
local HIDDEN, FULL = 128, 5 -- units of a step's network, and steps that make the larger end of the range
local FINITE = 1e30 -- numbers of a file must be below it, so that float32 holds them and what is made of them
local RATES = {linear = 0.1, steps = 1e-3} -- Adam's learning rate at the start
local STEPS = {linear = 400, steps = 1000} -- of Adam

-- Walks -------------------------------------------------------------------------------------------------------------

local Walk = {}
Walk.__index = Walk

local function column(amount, n)
  if type(amount) == "number" then amount = core.full({n}, amount) end
  return amount:reshape(n, 1)
end

function Walk:move_linear(z, amount) return z + amount * self.vector end

-- f(f(...f(z))), f(z) = z + network(z), as often as the step goes into the amount; the last step in part.
function Walk:move_steps(z, amount)
  local left = amount:abs() / self.step
  local backwards = amount:lt(0)
  for _ = 1, math.ceil(left:max():item() - 1e-6) do
    local e = (z - self.centre) / self.scale
    local change = backwards:where(self.minus(e), self.plus(e))
    z = z + left:clamp(0, 1) * change * self.scale
    left = left - 1
  end
  return z
end

--- Latent vectors z (N x latent) moved by an amount, a number or N of them, in the edit's unit.
--
--   local x = space:decode(walk:move(space:prior(9), gl.linspace(-20, 20, 9)))
function Walk:move(z, amount)
  amount = column(amount, #z)
  return (self.kind == "linear" and self.move_linear or self.move_steps)(self, z, amount)
end

--- What is noted of it in a file: as directions.lua says; and the amount of a step.
function Walk:notes()
  return {method = "steer", unit = edits.get(self.edit).unit, range = self.range, step = self.step}
end

local function step_network(latent)
  local last = nn.Linear(HIDDEN, latent)
  nn.init.constant(last.weight, 0) -- the first step is none
  nn.init.constant(last.bias, 0)
  return nn.Sequential(nn.Linear(latent, HIDDEN), nn.ReLU(), last)
end

-- A walk that does not move yet. centre and scale: where the latent vectors lie and how far apart.
local function new_walk(edit, kind, range, centre, scale)
  local self = setmetatable({edit = edit, kind = kind, range = range, centre = centre, scale = scale}, Walk)
  if kind == "steps" then
    self.plus, self.minus = step_network(#centre), step_network(#centre)
    self.step = math.max(math.abs(range[1]), math.abs(range[2])) / FULL
  end
  return self
end

-- Learning ----------------------------------------------------------------------------------------------------------

local RANGE = check.that(check.list(check.number(), {count = 2}), "two numbers around 0, the smaller first",
  function(range) return range[1] <= 0 and range[2] >= 0 and range[1] < range[2] end)

local SETTINGS = {
  walk = {check.word {"linear", "steps"}, "linear"}, batch = {check.whole(1), 64}, steps = {check.whole(1)},
  lr = {check.number {above = 0}}, range = {RANGE}, seed = {check.either(check.seed, check.off)},
  progress = {check.callable},
}

local function check_walk(space, name, o)
  local suits = scope.run({recording = false, seed = o.seed or nil}, function()
    return edits.suits(name, space:decode(space:prior(16)))
  end)
  if not suits then
    check.fail("steer: %s is for light strokes on a dark ground, and these images are not", name)
  end
end

-- The masked squared error of the walked images against the edited ones, per pixel: eq. 1.
local function objective(space, walk, z, labels, amount)
  local target, mask = scope.run({recording = false}, function()
    return edits.apply(walk.edit, space.model:decode(z, labels), amount)
  end)
  local made = space.model:decode(walk:move(z, amount), labels)
  return ((made - target):square() * mask):sum() / (mask:sum() * made:size(4))
end

-- Moves a walk that does not move yet to where the objective is least. scale: of the latent vectors.
local function fit(space, walk, scale, o)
  local low, high = o.range[1], o.range[2]
  local far = math.max(math.abs(low), math.abs(high))
  local direction = nn.Parameter(core.zeros(space.latent)) -- for the far end of the range, in standard deviations
  local trained = walk.kind == "linear" and {direction} or nn.Sequential(walk.plus, walk.minus):parameters()
  local optimizer = optim.Adam(trained, {lr = o.lr})
  local schedule = optim.CosineAnnealingLR(optimizer, {t_max = o.steps})
  for step = 1, o.steps do
    local z, labels = space:prior(o.batch), space:labels(o.batch)
    local amount = core.rand(o.batch) * (high - low) + low
    if walk.kind == "linear" then walk.vector = direction * scale / far end
    local loss = objective(space, walk, z, labels, amount)
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
    schedule:step()
    if o.progress then o.progress(step, o.steps, loss:item()) end
  end
  if walk.kind == "linear" then walk.vector = (direction:detach() * scale / far) end
end

--- Learns a walk w that makes G(z + alpha w) like edit(G(z), alpha): minimizes the mean over z from the prior and alpha
-- ~ U(range) of the squared error where the edit is known, by Adam with a learning rate that falls to 0 (cosine), with
-- the decoder frozen. space: any; of a conditional model z keeps its label. name: of the edit. settings:
--   walk      "linear": z + alpha w (their eq. 1). "steps": a network f, z + f(z) for a step, applied as often as it
--             goes into alpha; one network forwards, one backwards (their "nonlinear" walk)
--   range     {least, most} alpha, around 0 (the edit's own)       batch  images a step of the optimizer (64)
--   steps     of the optimizer (400; of a walk in steps: 1000)     lr     at the start (0.1; in steps: 0.001)
--   seed      of all random numbers, the generator being afterwards as before (none: go on with it as it is)
--   progress  function(steps done, of how many, loss)
--
--   local walk = steer.learn(space, "shift_x", {walk = "steps", range = {-3, 3}, seed = 1})
function steer.learn(space, name, settings)
  check.arguments("steer.learn", "space:space name:text settings:table?", space, name, settings)
  local edit = edits.get(name)
  local o = check.options("steer", settings, SETTINGS)
  o.range = o.range or edit.range(space.image[1], space.image[2])
  check_walk(space, name, o)
  o.steps, o.lr = o.steps or STEPS[o.walk], o.lr or RATES[o.walk]
  return scope.run({recording = false, seed = o.seed or nil, eval = space.model}, function()
    local centre = space:unstandardize(core.zeros(1, space.latent))[1]
    local scale = space:unstandardize(core.ones(1, space.latent))[1] - centre
    local walk = new_walk(name, o.walk, {o.range[1], o.range[2]}, centre, scale)
    scope.run({recording = true, frozen = space.model}, fit, space, walk, scale, o)
    return walk
  end)
end

-- Files -------------------------------------------------------------------------------------------------------------

-- The networks' tensors, by the names that they have in the file: "rotate.plus.1.weight".
local function tensors_of(walk, into)
  for _, way in ipairs {"plus", "minus"} do
    for name, tensor in pairs(walk[way]:state_dict()) do
      into[("%s.%s.%s"):format(walk.edit, way, name)] = tensor:detach()
    end
  end
  into[walk.edit .. ".centre"], into[walk.edit .. ".scale"] = walk.centre, walk.scale
end

--- Writes walks in steps (edit's name -> walk) to FOLDER/walks.safetensors. Returns the path, or nil and a message.
-- Linear walks are directions: they are saved by space.directions.
--
--   steer.save("runs/dcgan", {rotate = walk})
function steer.save(folder, walks)
  check.arguments("steer.save", "folder:text walks:table", folder, walks)
  local tensors, notes = {}, {}
  for name, walk in pairs(walks) do
    check.arguments("steer.save", "walk:table", walk)
    if walk.kind ~= "steps" then error(("steer.save: %s is no walk in steps but a direction"):format(name), 2) end
    tensors_of(walk, tensors)
    notes[name] = walk:notes()
  end
  local path = folder .. "/" .. FILE
  local ok, message = finite.save(path, tensors, {format = FORMAT, notes = json.encode(notes)})
  if not ok then return nil, message end
  return path
end

local function is_number(x) return type(x) == "number" and x > -FINITE and x < FINITE end

-- What is wrong with a walk's name and note, or nil. A step that is small beside the range would be taken very often.
local function problem_of(name, note)
  if not pcall(edits.get, name) then return "there is no such edit" end
  local range = type(note) == "table" and note.range
  local low, high = table.unpack(type(range) == "table" and range or {}, 1, 2)
  if not (is_number(low) and is_number(high) and low <= 0 and high >= 0 and low < high) then
    return "its range is two finite numbers around 0, the smaller first"
  end
  local least = math.max(0.0 - low, high) / (2 * FULL) -- a float: -low of the least integer is itself
  if not (is_number(note.step) and note.step >= least and note.step > 1 / FINITE) then
    return text.format("its step is a finite number from %g, a %dth of the range", least, 2 * FULL)
  end
end

-- The walk that tensors and a note describe; or nil and what is wrong with them.
local function read_walk(name, note, tensors, latent)
  local problem = problem_of(name, note)
  if problem then return nil, problem end
  local walk = new_walk(name, "steps", {note.range[1], note.range[2]}, core.zeros(latent), core.ones(latent))
  walk.step = note.step
  local wanted = {}
  tensors_of(walk, wanted)
  for key, tensor in pairs(wanted) do
    local given = tensors[key]
    if not given or table.concat(given.shape, "x") ~= table.concat(tensor.shape, "x") then
      return nil, text.message("%s is missing, or is not %s", key, table.concat(tensor.shape, "x"))
    elseif (given:float() * 0):sum():item() ~= 0 then
      return nil, key .. " has numbers that are not finite"
    end
    tensor:copy_(given)
  end
  return walk
end

--- The walks in steps of a run's folder, by their edits' names (none, where there is no file); or nil and a message.
--
--   local walk = steer.load("runs/dcgan", space.latent).rotate
function steer.load(folder, latent)
  check.arguments("steer.load", "folder:text latent:count", folder, latent)
  local path, walks = folder .. "/" .. FILE, {}
  if core.file_kind(path) ~= "file" then return walks end
  local tensors, metadata = safetensors.load(path)
  if not tensors then return nil, metadata end
  local notes = json.decode(metadata.notes or "")
  if metadata.format ~= FORMAT or type(notes) ~= "table" then
    return nil, text.message("%s: these are no walks", path)
  end
  return scope.run({recording = false, seed = 0}, function() -- building networks draws numbers, then overwritten
    for name, note in pairs(notes) do
      local walk, problem = read_walk(name, note, tensors, latent)
      if not walk then
        return nil, text.message("%s: the walk '%s': %s", path, tostring(name):sub(1, 60), problem)
      end
      walks[name] = walk
    end
    return walks
  end)
end

steer.evaluate = steering.evaluate

return steer
