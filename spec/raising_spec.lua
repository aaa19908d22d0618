-- Functions of the user's that raise inside genlat's, wherever these call them: the error passes through as it is, and
-- recording, random numbers, training and gradients are as they were.

local gl = require "genlat"
local small = require "spec.support.small"
local metrics, latent, nn = gl.metrics, gl.latent, gl.nn
local set, classifier, model_of, flags = small.set, small.classifier, small.model_of, small.flags

local PROBLEM = setmetatable({}, {__tostring = function() return "the user's own problem" end})
local function raise() error(PROBLEM) end

-- A split whose batches raise after the first one.
local function breaking_split()
  local split = setmetatable({}, {__index = set.test})
  function split:batches(options)
    local next_batch, count = set.test.batches(self, options), 0
    return function()
      count = count + 1
      if count > 1 then raise() end
      return next_batch()
    end
  end
  return split
end

local function breaking(model, method)
  model[method] = raise
  return model
end

local vae = function() return model_of "vae" end

-- Each is a model, and what is done with it.
local cases = {
  ["no_grad"] = {vae, function() gl.no_grad(raise) end},
  ["no_grad, in a coroutine"] = {vae, function() coroutine.wrap(function() gl.no_grad(raise) end)() end},
  ["no_grad, called by an iterator"] = {vae, function() gl.no_grad(coroutine.wrap(raise)) end},
  ["apply"] = {vae, function(model) model:apply(raise) end},
  ["walk"] = {vae, function(model) model:walk(raise) end},

  ["train.evaluate, by the batches"] = {vae, function(model)
    gl.train.evaluate(model, breaking_split())
  end},
  ["train.evaluate, by the loss"] = {vae, function(model) gl.train.evaluate(breaking(model, "loss"), set.test) end},
  ["train.classifier.evaluate"] = {function() return classifier() end, function(model)
    gl.train.classifier.evaluate(breaking(model, "forward"), set.test)
  end},
  ["train.gan.evaluate, by the generator"] = {function() return model_of "gan" end, function(model)
    gl.train.gan.evaluate(breaking(model, "generate"), set.test)
  end},
  ["train.gan.evaluate, by the loss"] = {function() return model_of "gan" end, function(model)
    gl.train.gan.evaluate(breaking(model, "generator_loss"), set.test)
  end},

  ["metrics.reconstruction"] = {vae, function(model)
    metrics.reconstruction(breaking(model, "reconstruct"), set.test)
  end},
  ["metrics.elbo"] = {vae, function(model) metrics.elbo(model, breaking_split()) end},
  ["metrics.log_likelihood, by the batches"] = {vae, function(model)
    metrics.log_likelihood(model, breaking_split(), {samples = 3})
  end},
  ["metrics.log_likelihood, by progress"] = {vae, function(model)
    metrics.log_likelihood(model, set.test, {samples = 3, progress = raise})
  end},
  ["metrics.classifier.accuracy"] = {function() return classifier() end, function(model)
    metrics.classifier.accuracy(model, breaking_split())
  end},
  ["metrics.classifier.judge"] = {function() return classifier() end, function(model)
    metrics.classifier.judge(model, raise)
  end},
  ["metrics.classifier.train, by progress"] = {vae, function() metrics.classifier.train(set, raise) end},
  ["metrics.evaluate, by progress"] = {vae, function(model)
    metrics.evaluate(model, set, {samples = 20, seeds = 1, images = 2, classifier = classifier(), progress = raise})
  end},
  ["metrics.evaluate, by the sampler"] = {vae, function(model)
    metrics.evaluate(model, set, {samples = 20, seeds = 1, images = 2, classifier = classifier(), draw = raise})
  end},
  ["metrics.evaluate, by the model"] = {vae, function(model)
    metrics.evaluate(breaking(model, "loss"), set, {samples = 20, seeds = 1, images = 2})
    metrics.evaluate(breaking(model, "posterior"), set, {samples = 20, seeds = 1, images = 2})
  end},

  ["space:decode"] = {vae, function(model) latent.space(breaking(model, "decode")):decode(gl.zeros(3, 2)) end, "eval"},
  ["space:encode"] = {vae, function(model) latent.space(breaking(model, "encode")):encode(gl.zeros(3, 28, 28, 1)) end,
    "eval"},
  ["latent.morph"] = {vae, function(model)
    local space = latent.space(breaking(model, "decode"), {data = set})
    latent.morph(space, latent.plane_of_axes(space, 1, 2), 3)
  end, "eval"},
  ["latent.invert, by progress"] = {vae, function(model)
    latent.invert(latent.space(model), gl.zeros(1, 28, 28, 1), {steps = 2, progress = raise})
  end, "eval"},
  ["latent.invert, by the decoder"] = {vae, function(model)
    latent.invert(latent.space(breaking(model, "decode_output")), gl.zeros(1, 28, 28, 1), {steps = 2})
  end, "eval"},
  ["latent.anomaly.score"] = {vae, function(model)
    latent.anomaly.score(latent.space(model), set.test.images, {samples = 1, progress = raise})
  end, "eval"},
  ["latent.steer.learn, by progress"] = {vae, function(model)
    latent.steer.learn(latent.space(model), "shift_x", {steps = 2, batch = 2, seed = 1, progress = raise})
  end, "eval"},
  ["latent.steer.learn, by the decoder"] = {vae, function(model)
    latent.steer.learn(latent.space(breaking(model, "decode")), "shift_x", {steps = 2, batch = 2, seed = 1})
  end, "eval"},
  ["latent.posterior.of"] = {vae, function(model)
    latent.posterior.of(latent.space(breaking(model, "posterior")), set.test)
  end, "eval"},
  ["latent.attributes.examples"] = {vae, function(model)
    latent.attributes.examples(latent.space(breaking(model, "encode"), {data = set}))
  end, "eval"},
  ["latent.effects.new"] = {vae, function(model)
    latent.effects.new(latent.space(breaking(model, "encode"), {data = set}),
      {names = {set.classes[1]}, judges = {classifier = classifier()}})
  end, "eval"},
  ["compass:propose and answer"] = {vae, function(model)
    local session = latent.compass.new(latent.space(model))
    session:propose()
    session:answer(setmetatable({}, {__len = raise}))
  end, "eval"},
  ["latent.compress.encode"] = {vae, function(model)
    latent.compress.encode(latent.space(breaking(model, "encode")), gl.zeros(1, 28, 28, 1))
  end, "eval"},

  ["a training step"] = {vae, function(model)
    for _, x in set.train:batches {size = 30} do
      local optimizer = gl.optim.Adam(model)
      breaking(model.decoder, "forward")
      model:loss(x).loss:backward()
      optimizer:step()
    end
  end},
  ["sizes that an operation asks for"] = {vae, function() gl.zeros(2):reshape(setmetatable({}, {__len = raise})) end},
  ["a list that an operation reads"] = {vae, function() gl.cat(setmetatable({}, {__len = raise})) end},
  ["a list of parameters"] = {vae, function() gl.optim.Adam(setmetatable({}, {__len = raise})) end},
  ["an index"] = {vae, function() local _ = gl.zeros(2, 2)[setmetatable({}, {__len = raise})] end},
}

-- Runs a case by call(f, model), which catches the error and returns it.
local function leaves_all_as_it_was(case, call)
  local model = case[1]()
  if case[3] == "eval" then latent.space(model) end -- which puts it into evaluation
  local before = flags(model)
  gl.seed(8)
  local ok, problem = call(case[2], model)
  assert.is_false(ok)
  assert.equal(PROBLEM, problem)
  assert.is_true((gl.ones(1, {requires_grad = true}) * 2).requires_grad)
  assert.same(before, flags(model))
  assert.equal(8, (gl.rng_state()))
end

local kept = {} -- coroutines, as what is collected is closed

describe("a function of the user's that raises in", function()
  for name, case in pairs(cases) do
    it(name .. " leaves all as it was", function() leaves_all_as_it_was(case, pcall) end)

    it(name .. ", and so ends a coroutine, leaves all as it was", function()
      leaves_all_as_it_was(case, function(f, model)
        kept[#kept + 1] = coroutine.create(f)
        return coroutine.resume(kept[#kept], model)
      end)
    end)
  end

  it("forward leaves a summary that goes as far as it came", function()
    local Half = nn.class "Half"
    function Half:init() self.first, self.second = nn.Linear(3, 2), nn.Linear(2, 1) end
    function Half:forward(x) return raise(self.first(x)) end
    local model = Half()
    gl.seed(8)
    local text = tostring(nn.Sequential(model, nn.Dropout(0.5)))
    assert.matches("first: Linear%(3, 2%)", text)
    assert.matches("N x 2", require("genlat.nn.describe").text_for(model, {3}))
    assert.error_matches(function() model:summary(0) end, "summary: ")
    assert.is_true(model.training and model.second.training)
    assert.is_true((gl.ones(1, {requires_grad = true}) * 2).requires_grad)
    assert.same({8, 0}, {gl.rng_state()})
  end)

  it("forward does not watch modules of others once its coroutine is left", function()
    local Waiting = nn.class "Waiting"
    function Waiting.forward(_, x)
      coroutine.yield()
      return x
    end
    local co = coroutine.wrap(function() return require("genlat.nn.describe").text_for(Waiting(), {3}) end)
    co()
    assert.is_true((gl.ones(1, {requires_grad = true}) * 2).requires_grad)
    assert.equal(2, #nn.Dropout(0.5)(gl.ones(2)))
    assert.matches("^Waiting  N x 3", co())
  end)
end)
