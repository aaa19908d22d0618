-- Steered walks: learned, measured, and kept in files.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local distribution = require "genlat.metrics.distribution"
local latent = gl.latent
local steer = latent.steer

-- A decoder whose images are a blob at 2 z[1] pixels to the right and 3 z[2] down of the centre, at most `most` pixels,
-- and do not depend on z[3]: how to steer it is known.
local Blob = gl.nn.class "Blob"
Blob.prior = "normal"

function Blob:init(most)
  rawset(self, "config", {image = {20, 20, 1}})
  rawset(self, "most", most or math.huge)
  self.latent = 3
  self.scale = gl.nn.Parameter(gl.tensor {2, 3})
end

function Blob:decode(z)
  local n = #z
  local places = gl.arange(20) - 10.5
  local at = (z:slice(2, 1, 2) * self.scale):clamp(-self.most, self.most)
  local x = (places - at:slice(2, 1, 1)):square():reshape(n, 1, 20, 1)
  local y = (places - at:slice(2, 2, 2)):square():reshape(n, 20, 1, 1)
  return ((x + y) * (-1 / 8)):exp()
end

local function real(n) -- images to compare with: blobs, too
  gl.seed(9)
  local split = {images = gl.no_grad(function() return Blob():decode(gl.randn(n, 3)):mul(255):byte() end), count = n}
  return setmetatable(split, getmetatable(gl.data.load("digits", {train = 1, test = 1}).train))
end

local data
setup(function() data = {train = real(60), test = real(60)} end)

local function near(expected, got, tolerance)
  local difference = (expected - got):abs():max():item()
  assert.is_true(difference <= tolerance, ("off by %g, which is more than %g"):format(difference, tolerance))
end

local function learn(name, settings, model)
  local o = {steps = 80, batch = 32, seed = 3, range = {-2, 2}}
  for key, value in pairs(settings or {}) do o[key] = value end
  local space = latent.space(model or Blob(), {data = data})
  return steer.learn(space, name, o), space
end

describe("a linear walk", function()
  it("is found where it is known", function()
    near(gl.tensor {0.5, 0, 0}, learn("shift_x").vector, 0.02)
    near(gl.tensor {0, -1 / 3, 0}, learn("shift_y", {range = {-1, 3}}).vector * -1, 0.02)
  end)

  it("is found in an autoencoder's own units", function()
    local model = Blob()
    model.latent_mean, model.latent_std = gl.tensor {0.3, 0, 0}, gl.tensor {0.2, 5, 1}
    function model:unstandardize(e) return self.latent_mean + self.latent_std * e end
    near(gl.tensor {0.5, 0, 0}, learn("shift_x", {steps = 200}, model).vector, 0.03)
  end)

  it("is not blamed for what the edit would have had to bring in from outside", function()
    local dark, last = Blob(), nil -- a dark blob on a light ground: the edited image has black edges
    local decode = dark.decode
    function dark:decode(z) return 1 - decode(self, z) end
    learn("shift_x", {progress = function(_, _, loss) last = loss end}, dark)
    assert.is_true(last < 1e-3, last)
  end)

  it("moves by an amount, or by one for each vector", function()
    local walk = learn("shift_x")
    local z = gl.randn(2, 3)
    near(z + walk.vector * 2, walk:move(z, 2), 1e-6)
    near(gl.stack {z[1] - walk.vector, z[2] + walk.vector * 3}, walk:move(z, gl.tensor {-1, 3}), 1e-6)
  end)

  it("depends on the seed, and leaves the model as it was", function()
    local model = Blob()
    local a = learn("rotate", {steps = 5}, model)
    assert.is_true(model.scale.requires_grad)
    assert.is_nil(model.scale.grad)
    assert.is_true(gl.core.set_recording(true))
    assert.same(a.vector:totable(), learn("rotate", {steps = 5}, model).vector:totable())
    assert.are_not.same(a.vector:totable(), learn("rotate", {steps = 5, seed = 4}, model).vector:totable())
    assert.is_false(a.vector.requires_grad)
  end)

  it("leaves random numbers as they were where it is given a seed, also where it fails", function()
    gl.seed(11)
    local before = {gl.rng_state()}
    learn("shift_x", {steps = 2})
    assert.same(before, {gl.rng_state()})
    learn("shift_x", {steps = 2, walk = "steps"})
    assert.same(before, {gl.rng_state()})
    local model = Blob()
    assert.error_matches(function()
      learn("shift_x", {steps = 2, progress = function() error("interrupted!", 0) end}, model)
    end, "interrupted!")
    assert.same(before, {gl.rng_state()})
    assert.is_true(model.scale.requires_grad)
    learn("shift_x", {steps = 1, seed = false})
    assert.are_not.same(before, {gl.rng_state()})
  end)

  it("asks whether an edit suits of images that the seed alone chooses", function()
    local model, seen = Blob(), nil
    local decode = model.decode
    function model:decode(z)
      seen = seen or z:totable()
      return decode(self, z)
    end
    local function first(before)
      seen = nil
      gl.seed(before)
      learn("shift_x", {steps = 1}, model)
      return seen
    end
    assert.same(first(1), first(2))
  end)

  it("keeps the labels of a conditional model", function()
    local model = gl.models.cvae {image = {12, 12, 1}, hidden = {8}, latent = 2, classes = 3}
    local seen = {}
    local decode = model.decode
    function model:decode(z, labels)
      seen[#seen + 1] = table.concat(labels:slice(1, 1, 4):totable(), ",")
      return decode(self, z, labels)
    end
    learn("zoom", {steps = 2, range = {-1, 1}}, model)
    assert.is_true(#seen >= 2 * 2) -- of each step, the image to edit and the walked one
    for _, labels in ipairs(seen) do assert.matches("^1%.?0?,2%.?0?,3%.?0?,1%.?0?$", labels) end
  end)
end)

describe("a walk in steps", function()
  local walk, space
  setup(function() walk, space = learn("shift_x", {walk = "steps", steps = 200}) end)

  it("goes as far as it is asked", function()
    local z = space:prior(200)
    for _, amount in ipairs {-2, -1.3, 0.6, 2} do
      near(gl.tensor {amount / 2, 0}, (walk:move(z, amount) - z):mean(1):slice(1, 1, 2), 0.06)
    end
    near(z, walk:move(z, 0), 1e-6)
  end)

  it("is several small steps", function()
    local z = space:prior(4)
    assert.equal(0.4, walk.step)
    near(walk:move(walk:move(z, 0.4), 0.4), walk:move(z, 0.8), 1e-5)
    near(walk:move(z, gl.tensor {0.8, -1, 0, 1}):slice(1, 2, 2), walk:move(z:slice(1, 2, 2), -1), 1e-5)
  end)

  it("is kept in a file", function()
    local folder = Folder.new()
    finally(function() folder:remove() end)
    assert.same({}, steer.load(folder.name, 3))
    assert.equal(folder:path "walks.safetensors", steer.save(folder.name, {shift_x = walk}))
    local counter = select(2, gl.rng_state())
    local again = steer.load(folder.name, 3).shift_x
    assert.equal(counter, select(2, gl.rng_state()))
    local z = gl.randn(5, 3)
    assert.same(walk:move(z, 1.7):totable(), again:move(z, 1.7):totable())
    assert.same(walk:notes(), again:notes())
    local found, message = steer.load(folder.name, 4)
    assert.is_nil(found)
    assert.matches("walks.safetensors: the walk 'shift_x': shift_x[%w.]+ is missing, or is not ", message)
    assert.error_matches(function() steer.save(folder.name, {x = learn("zoom", {steps = 1})}) end, "no walk in steps")
    gl.latent.space(Blob(), {folder = folder.name}).directions:save()
    os.rename(folder:path "directions.safetensors", folder:path "walks.safetensors")
    assert.matches("these are no walks", select(2, steer.load(folder.name, 3)))
  end)
end)

describe("a damaged file of walks", function()
  local folder, path, tensors, note
  setup(function()
    folder = Folder.new()
    path = folder:path "walks.safetensors"
    local walk = learn("zoom", {walk = "steps", steps = 1, range = {-1, 1}})
    assert(steer.save(folder.name, {zoom = walk}))
    tensors, note = safetensors.load(path), walk:notes()
  end)
  teardown(function() folder:remove() end)

  -- What is said about a file whose notes are this text; tensors: by name, in place of the good ones.
  local function said(notes, changed)
    local all = {}
    for name, tensor in pairs(tensors) do all[name] = changed and changed[name] or tensor end
    assert(safetensors.save(path, all, {format = "genlat walks", notes = notes}))
    local seconds, state = os.clock(), {gl.rng_state()}
    local walks, message = steer.load(folder.name, 3)
    assert.same(state, {gl.rng_state()})
    if walks then
      for _, walk in pairs(walks) do
        for _, amount in ipairs(walk.range) do assert.same({2, 3}, walk:move(gl.zeros(2, 3), amount).shape) end
      end
      assert.is_true(os.clock() - seconds < 1)
      return nil
    end
    assert.equal(path .. ": ", message:sub(1, #path + 2))
    assert.is_nil(message:find "[\n\r]")
    return message:sub(#path + 3)
  end

  local function said_with(key, value)
    local notes = {}
    for k, v in pairs(note) do notes[k] = v end
    notes[key] = value
    return (said((json.encode {zoom = notes}:gsub('"(%-?)inf"', "%11e999"):gsub('"%-?nan"', "NaN"))))
  end

  it("never has a walk of very many steps, or of a range that is none", function()
    assert.is_nil(said_with("step", note.step))
    assert.is_nil(said_with("step", 0.1))
    local small = "the walk 'zoom': its step is a finite number from 0.1, a 10th of the range"
    for _, step in ipairs {0.099, 1e-5, 1e-300, 0, -1, math.huge, 0 / 0, "x", {}} do
      assert.equal(small, said_with("step", step))
    end
    local huge = math.huge
    for _, range in ipairs {{-1, huge}, {-huge, 1}, {0 / 0, 1}, {0.5, 1}, {-1, -0.5}, {0, 0}, {1, -1}, {1}, {"a", "b"},
      {-1e300, 1e300}, 3, "x"} do
      assert.equal("the walk 'zoom': its range is two finite numbers around 0, the smaller first",
        said_with("range", range))
    end
    assert.matches("its step is", said '{"zoom": {"range": [-9223372036854775808, 0], "step": 0.2}}')
  end)

  it("with notes that are none is a message", function()
    for _, notes in ipairs {'{"zoom": 3}', '{"zoom": "x"}', '{"zoom": []}', '{"zoom": null}'} do
      assert.equal("the walk 'zoom': its range is two finite numbers around 0, the smaller first", said(notes))
    end
    assert.equal("the walk 'a\\nb': there is no such edit", said '{"a\\nb": {}}')
    assert.equal("the walk '1': there is no such edit", said '[{}]')
    for _, notes in ipairs {"", "3", "null", "{"} do assert.equal("these are no walks", said(notes)) end
  end)

  it("with tensors of wrong sizes, or not of numbers, is a message", function()
    local notes = json.encode {zoom = note}
    assert.is_nil(said(notes))
    assert.equal("the walk 'zoom': zoom.scale is missing, or is not 3", said(notes, {["zoom.scale"] = gl.ones(3, 1)}))
    for _, value in ipairs {math.huge, -math.huge, 0 / 0} do
      assert.equal("the walk 'zoom': zoom.centre has numbers that are not finite",
        said(notes, {["zoom.centre"] = gl.tensor {0, value, 0}}))
    end
  end)

  it("that is cut off is a message, wherever it is cut", function()
    said(json.encode {zoom = note})
    local bytes = folder:read "walks.safetensors"
    for _, length in ipairs {0, 1, 7, 8, 9, 100, 500, #bytes // 2, #bytes - 1} do
      folder:write("walks.safetensors", bytes:sub(1, length))
      local walks, message = steer.load(folder.name, 3)
      assert.is_nil(walks)
      assert.is_string(message)
    end
  end)
end)

describe("evaluate", function()
  local function evaluate(walk, space, more)
    local o = {samples = 60, measured = 30}
    for key, value in pairs(more or {}) do o[key] = value end
    return steer.evaluate(space, walk, o)
  end

  it("finds that a walk does what it is asked", function()
    local walk, space = learn("shift_x", {range = {-1, 2}})
    local result = evaluate(walk, space)
    assert.same({-1.25, -1, -0.75, -0.5, -0.25, 0, 0.5, 1, 1.5, 2, 2.5}, result.amounts)
    assert.same({-1.25, 2.5}, result.range)
    assert.equal("centre of mass", result.measures[1].name)
    for _, measure in ipairs(result.measures) do
      assert.is_true(measure.correlation > 0.98 and measure.ceiling > 0.98, measure.name)
      assert.is_true(math.abs(measure.gain - 1) < 0.1, measure.name)
    end
    assert.is_true(math.abs(result.measures[2].mean[9] - 1.5) < 0.15)
    assert.is_nil(result.frechet)
  end)

  it("finds how far it carries", function()
    local walk, space = learn("shift_x", {range = {-8, 8}}, Blob(3))
    local range = evaluate(walk, space).range
    assert.is_true(range[1] < 0 and range[1] >= -8 and range[2] > 0 and range[2] <= 8, table.concat(range, " "))
    local idle = learn("shift_x", {steps = 1, lr = 1e-9})
    assert.same({0, 0}, evaluate(idle, space).range)
    assert.is_nil(evaluate(idle, space).measures[1].correlation)
  end)

  it("measures quality by a classifier, and stops where that is gone", function()
    local walk, space = learn("shift_x")
    gl.seed(1)
    local judge = gl.models.lenet5 {image = {20, 20, 1}, classes = 3}:eval()
    local result = evaluate(walk, space, {classifier = judge, amounts = {-9, 0}})
    assert.equal(1, result.kept[2])
    assert.is_true(result.kept[1] >= 0 and result.kept[1] <= 1)
    assert.is_true(result.frechet[1] > 2 * result.frechet[2])
    assert.is_true(result.frechet_edited[1] > 2 * result.frechet_edited[2])
    assert.equal(0, result.range[1])
  end)

  it("takes a quality that is not a number for none", function()
    local walk, space = learn("shift_x")
    local judge = gl.models.lenet5 {image = {20, 20, 1}, classes = 3}:eval()
    local frechet = distribution.frechet
    finally(function() distribution.frechet = frechet end)
    distribution.frechet = function() return 1 end
    assert.same({-2.5, 2.5}, evaluate(walk, space, {classifier = judge}).range)
    distribution.frechet = function() return 0 / 0 end
    assert.same({0, 0}, evaluate(walk, space, {classifier = judge}).range)
  end)

  it("depends on its own seed, and leaves the generator alone", function()
    local walk, space = learn("shift_x", {steps = 20})
    gl.seed(5)
    local before = {gl.rng_state()}
    local a = evaluate(walk, space)
    assert.same(before, {gl.rng_state()})
    gl.seed(6)
    assert.same(a, evaluate(walk, space))
    assert.are_not.same(a, evaluate(walk, space, {seed = 2}))
  end)
end)

describe("steer", function()
  it("explains what it cannot do", function()
    assert.error_matches(function() learn("stretch") end, "there is no edit 'stretch'")
    assert.error_matches(function() learn("zoom", {walk = "curved"}) end, "walk is linear or steps, not curved")
    for _, range in ipairs {{1, 2}, {-2, -1}, {0, 0}, {}} do
      assert.error_matches(function() learn("zoom", {range = range}) end, "two numbers around 0")
    end
    local colours = gl.models.vae {image = {8, 8, 3}, hidden = {8}, latent = 2}
    assert.error_matches(function() learn("thicken", {}, colours) end, "for light strokes on a dark ground")
  end)
end)
