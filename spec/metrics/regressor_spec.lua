-- Networks that judge images: how they are trained and kept, and the regressor that measures factors.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local judge = require "genlat.metrics.judge"
local regressor = gl.metrics.regressor

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function faces(seed) return gl.data.load("faces", {train = 600, test = 150, side = 16, seed = seed}) end

-- The regressor's kind with a recipe that takes a second or two.
local function quick(more)
  local kind, recipe = {}, {}
  for key, value in pairs(regressor.kind) do kind[key] = value end
  for key, value in pairs(regressor.kind.recipe) do recipe[key] = value end
  for key, value in pairs(more) do recipe[key] = value end
  kind.recipe = recipe
  return kind
end

-- A file with a regressor that was never trained; change(notes) spoils it.
local function write_file(folder, data, change)
  gl.seed(3)
  local model = gl.models.lenet5 {image = data.shape, classes = #data.factor_names}
  local n = #data.factor_names
  local notes = {
    names = data.factor_names, mean = gl.arange(n):totable(), std = (gl.arange(n) * 2):totable(),
    r2 = gl.full({n}, 0.9):totable(),
  }
  if change then change(notes) end
  local path = folder:path "judge.safetensors"
  assert(gl.models.save(path, model, notes))
  return path, model
end

describe("a judge", function()
  it("learns the factors of real images, the same each time, and leaves random numbers alone", function()
    local data, kind = faces(), quick {steps = 150, lr = 4e-3}
    gl.seed(9)
    local state, steps = {gl.rng_state()}, {}
    local model = judge.train(kind, data, function(...) steps[#steps + 1] = {...} end)
    assert.same({150, 150}, steps[#steps])
    assert.same(state, {gl.rng_state()})
    assert.is_false(model.training)
    local notes = kind.notes(model, data)
    assert.same(data.factor_names, notes.names)
    for i, name in ipairs(notes.names) do
      local known = name == "background" or name == "hair_colour" or name == "skin"
      if known then assert.is_true(notes.r2[i] > 0.6, name) end
      near(data.train.factors:mean(1)[i]:item(), notes.mean[i], 1e-6)
    end
    -- R^2 by its definition
    local y, t = model(data.test:head(150)):detach(), data.test.factors
    local column, squares, spread = 3, 0, 0
    local mean = t:mean(1)[column]:item()
    for i = 1, 150 do
      local value = y[i][column]:item() * notes.std[column] + notes.mean[column]
      squares, spread = squares + (value - t[i][column]:item()) ^ 2, spread + (t[i][column]:item() - mean) ^ 2
    end
    near(1 - squares / spread, notes.r2[column], 1e-3)
    local short = quick {steps = 5}
    local first, second = judge.train(short, data), judge.train(short, data)
    assert.same(first:parameters()[1]:flatten():totable(), second:parameters()[1]:flatten():totable())
  end)

  it("is kept by the contents of its data set", function()
    local kind = quick {}
    local path = judge.path(kind, faces())
    assert.matches("/genlat/regressors/faces16%-%x+%.safetensors$", path)
    assert.equal(path, judge.path(kind, faces()))
    assert.is_true(path ~= judge.path(kind, faces(7)))
    assert.is_true(path ~= judge.path(quick {version = 99}, faces()))
    assert.is_true(gl.metrics.classifier.path(faces()) ~= path)
  end)
end)

describe("a regressor", function()
  it("measures in the factors' own units", function()
    local folder, data = Folder.new(), faces()
    local path, model = write_file(folder, data)
    local found, where = assert(regressor.of(data, {file = path}))
    assert.equal(path, where)
    assert.same(data.factor_names, found.names)
    local x = gl.rand(3, 16, 16, 3)
    local values, outputs = found:measure(x), gl.no_grad(function() return model:eval()(x) end)
    assert.same({3, 9}, values.shape)
    assert.is_false(values.requires_grad)
    near(outputs[2][4]:item() * 8 + 4, values[2][4]:item(), 1e-4)
    near(8, found.std[4]:item(), 0)
    near(0.9, found.r2[9]:item(), 1e-6)
    assert.equal(4, found:column "hair_length")
    assert.error_matches(function() found:column "nose" end, "there is no factor 'nose'; there are smile, skin")
    folder:remove()
  end)

  it("is told from other files, and needs factors", function()
    local folder, data = Folder.new(), faces()
    local function message_for(change)
      local path = write_file(folder, data, change)
      local found, message = regressor.of(data, {file = path})
      assert.is_nil(found)
      return message
    end
    local wrong = "this is no regressor for the factors of faces16"
    assert.matches(wrong, message_for(function(notes) notes.std = nil end))
    assert.matches(wrong, message_for(function(notes) notes.mean[3] = "much" end))
    assert.matches(wrong, message_for(function(notes) notes.names = {"a"} end))
    local digits = gl.data.load("digits", {train = 10, test = 10})
    assert.matches("expected a LeNet%-5 for 11 factors of 28x28x1 images",
      select(2, regressor.of(digits, {file = folder:path "judge.safetensors"})))
    assert.matches("nowhere", select(2, regressor.of(digits, {file = "/nowhere"})))
    digits.train.factors = nil
    assert.matches("digits: there are no factors to measure", select(2, regressor.of(digits)))
    folder:remove()
  end)
end)
