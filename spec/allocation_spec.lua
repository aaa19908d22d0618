-- Memory that runs out inside a function, at each of its allocations in turn: the function raises, or returns nil and a
-- message; recording, random numbers, training, gradients and parameters are as they were, nothing leaks, no file stays
-- open or half written, and another try succeeds. memory_spec.lua has the same for operations and training steps.

local gl = require "genlat"
local checkpoint = require "genlat.runs.checkpoint"
local safetensors = require "genlat.safetensors"
local scope = require "genlat.scope"
local Directions = require "genlat.latent.directions"
local describe_module = require("genlat.nn.describe").text_for
local folder = require "spec.io.folder"
local small = require "spec.support.small"
local core, latent, metrics, nn = gl.core, gl.latent, gl.metrics, gl.nn
local set = small.set

local place = folder.new()
local function path(name) return place:path(name) end

local function live()
  collectgarbage()
  collectgarbage()
  return gl.memory().live
end

local function open_files() return #core.list_folder "/dev/fd" end

local function vae() return small.model_of "vae" end
local function plain_vae() return gl.models.vae {image = {28, 28, 1}, hidden = {6}, latent = 2} end
local function gan() return small.model_of "gan" end
local function classifier() return small.classifier() end
local function nothing() return nil end

local judge = classifier()
local points, other = gl.randn(30, 3), gl.randn(20, 3)
local images = set.test.images[{{1, 6}}]

assert(gl.models.save(path "model.safetensors", plain_vae()))
assert(core.mkdirs(path "run"))
assert(gl.write_png(path "a.png", images[1]))
assert(gl.write_idx(path "a.idx", images))
assert(core.mkdirs(path "images/one") and core.mkdirs(path "images/two"))
for i = 1, 4 do assert(gl.write_png(path(("images/%s/%d.png"):format(i % 2 == 0 and "one" or "two", i)), images[i])) end
assert(latent.mixture.fit(points, {components = 2}):save(path "mixture.safetensors"))

-- Each makes what there is before, and says what is done with it. "draws": from the user's own random numbers; "eval":
-- the model is put into evaluation before; "goes on": an allocation may fail without an error. file: what it writes,
-- which is whole or as it was.
local cases = {
  ["no_grad"] = {vae, function(m) return gl.no_grad(function() return m:decode(gl.zeros(3, 2)) end) end},
  ["a scope"] = {vae, function(m)
    return scope.run({recording = false, seed = 1, eval = m, frozen = m}, function() return m:loss(gl.rand(2, 784)) end)
  end},
  ["a summary"] = {vae, function(m) return describe_module(m.decoder, {2}) end, "goes on"},
  ["making a model"] = {nothing, function() return gl.models.vae {image = {4, 4, 1}, hidden = {3}, latent = 2} end,
    "draws"},
  ["a loss and its gradients"] = {vae, function(m)
    local loss = m:loss(images:float() / 255).loss
    loss:backward()
    return loss
  end, "draws"},

  ["train.evaluate"] = {vae, function(m) return gl.train.evaluate(m, set.test) end},
  ["train.classifier.evaluate"] = {classifier, function(m) return gl.train.classifier.evaluate(m, set.test) end},
  ["train.gan.evaluate"] = {gan, function(m) return gl.train.gan.evaluate(m, set.test) end},

  ["metrics.reconstruction"] = {vae, function(m) return metrics.reconstruction(m, set.test) end},
  ["metrics.elbo"] = {vae, function(m) return metrics.elbo(m, set.test) end},
  ["metrics.log_likelihood"] = {vae, function(m) return metrics.log_likelihood(m, set.test, {samples = 2}) end},
  ["metrics.frechet"] = {nothing, function() return metrics.frechet(points, other) end},
  ["metrics.precision_recall"] = {nothing, function() return metrics.precision_recall(points, other) end},
  ["metrics.ssim"] = {nothing, function() return metrics.ssim(gl.ones(2, 12, 12, 1), gl.zeros(2, 12, 12, 1)) end},
  ["metrics.auroc"] = {nothing, function() return metrics.auroc(points:select(2, 1), points:select(2, 2):gt(0)) end},
  ["metrics.classifier.accuracy"] = {classifier, function(m) return metrics.classifier.accuracy(m, set.test) end},
  ["metrics.evaluate"] = {vae, function(m)
    return metrics.evaluate(m, set, {samples = 20, seeds = 1, images = 2, classifier = judge})
  end},

  ["models.save"] = {plain_vae, function(m) return gl.models.save(path "saved", m) end, file = "saved"},
  ["models.load"] = {nothing, function() return gl.models.load(path "model.safetensors") end},
  ["safetensors.save"] = {nothing, function()
    return safetensors.save(path "tensors", {a = points:t(), b = images}, {x = "y"})
  end, file = "tensors"},
  ["safetensors.load"] = {nothing, function() return safetensors.load(path "model.safetensors") end},
  ["a checkpoint"] = {function()
    local m = nn.Linear(2, 2)
    return m, gl.optim.Adam(m)
  end, function(m, optimizer)
    return checkpoint.save(path "run", {}, {model = m, optimizers = {adam = optimizer}, keep = {}})
  end, file = "run/checkpoint.safetensors"},
  ["a module's state"] = {vae, function(m)
    m:load_state_dict(m:state_dict())
    return true
  end},

  ["the digits"] = {nothing, function() return gl.data.load("digits", {train = 6, test = 4}) end},
  ["a folder of images"] = {nothing, function()
    return gl.data.load(path "images", {cache = path "cache"})
  end, "goes on"},
  ["batches"] = {nothing, function()
    local last
    for _, x in set.train:batches {size = 25, epoch = 1} do last = x end
    return last
  end},
  ["a PNG file"] = {nothing, function() return gl.read_png(path "a.png") end},
  ["writing a PNG file"] = {nothing, function() return gl.write_png(path "b.png", images[2]) end, file = "b.png"},
  ["writing a GIF file"] = {nothing, function() return gl.write_gif(path "b.gif", images) end, file = "b.gif"},
  ["an IDX file"] = {nothing, function() return gl.read_idx(path "a.idx") end},

  ["principal components"] = {nothing, function() return latent.principal_components(points, 2).axes end},
  ["t-SNE"] = {nothing, function() return latent.tsne(points, {steps = 3}) end, "draws"},
  ["a mixture"] = {nothing, function() return latent.mixture.fit(points, {components = 2}) end, "draws"},
  ["a mixture's file"] = {nothing, function() return latent.mixture.load(path "mixture.safetensors") end},
  ["directions and their file"] = {nothing, function()
    local directions = assert(Directions.load(path "run", 3))
    directions:set("smile", points[1], {method = "x"})
    return directions:save()
  end, file = "run/directions.safetensors"},
  ["slerp"] = {nothing, function() return latent.slerp(points[1], points[2], 4) end},
  ["a latent space"] = {vae, function(m)
    local space = latent.space(m)
    return space:decode(space:encode(images:float() / 255))
  end, "eval"},
  ["a posterior"] = {vae, function(m) return latent.posterior.of(latent.space(m), set.test).mean end, "eval"},
  ["latent.morph"] = {vae, function(m)
    local space = latent.space(m, {data = set})
    return latent.morph(space, latent.plane_of_axes(space, 1, 2), 3)
  end, "eval"},
  ["latent.invert"] = {vae, function(m)
    return latent.invert(latent.space(m), gl.zeros(1, 28, 28, 1), {steps = 1})
  end, "eval"},
  ["latent.anomaly.score"] = {vae, function(m)
    return latent.anomaly.score(latent.space(m), images, {samples = 1})
  end, "eval"},
  ["a walk"] = {vae, function(m)
    return latent.steer.learn(latent.space(m), "shift_x", {steps = 1, batch = 2, seed = 1})
  end, "eval"},
  ["compression"] = {vae, function(m)
    local space = latent.space(m)
    return latent.compress.decode(space, latent.compress.encode(space, images:float() / 255))
  end, "eval"},

  ["a sheet of images"] = {nothing, function() return gl.plot.images.grid(images, {columns = 3}) end},
}

local EACH = 30 -- the first allocations, of which each fails; of later ones fewer and fewer

-- The next allocation to fail after number n.
local function after(n) return n + 1 + math.max(0, n - EACH) // 3 end

-- What must be as before.
local function state_of(model)
  return {
    flags = model and small.flags(model), recording = (gl.ones(1, {requires_grad = true}) * 2).requires_grad,
    seed = (gl.rng_state()), files = table.concat(core.list_folder(place.name), " "),
  }
end

-- Calls f where allocation n fails: nil where none did, else the message that it ended with.
local function with_failure(n, f, ...)
  core.memory_fail_after(n)
  local ok, result, message = pcall(f, ...)
  if core.memory_fail_after(-1) >= 0 then
    assert(ok and result ~= nil, message or result)
    return nil
  end
  if not ok then return tostring(result) end
  return result == nil and message or "none"
end

-- One try of a case; returns its message.
local function try(case, n)
  local make, call, kind = case[1], case[2], case[3]
  gl.seed(8)
  local model, more = make()
  if kind == "eval" then latent.space(model) end
  gl.seed(8)
  local before, file = state_of(model), case.file and place:read(case.file)
  local message = with_failure(n, call, model, more)
  if not message then return nil end
  local told = ("allocation %d: %s"):format(n, message)
  assert.is_true(message:find "memory" ~= nil or kind == "goes on" and message == "none", told)
  assert.same(before, state_of(model), told)
  if kind ~= "draws" then assert.same({8, 0}, {gl.rng_state()}, told) end
  if case.file then assert.equal(file, place:read(case.file), told) end
  return told
end

describe("an allocation that fails in", function()
  teardown(function() place:remove() end)

  for name, case in pairs(cases) do
    it(name .. " leaves all as it was", function()
      case[2](case[1]()) -- what is loaded once, is now
      local bytes, open, n = live(), open_files(), 0
      repeat
        local told = try(case, n)
        assert.equal(bytes, live(), told)
        assert.equal(open, open_files(), told)
        n = after(n)
      until not told
      assert.is_true(n > 1)
    end)
  end
end)
