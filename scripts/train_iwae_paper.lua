-- train_iwae_paper.lua: trains as "Importance Weighted Autoencoders" did. `lua scripts/train_iwae_paper.lua --help`
--
-- Burda, Grosse & Salakhutdinov 2016, sec. 5, with one stochastic layer: 50 latent dimensions, two deterministic tanh
-- layers of 200 on each side, pixels binarized anew each time, batches of 20, Adam with beta1 = 0.9, beta2 = 0.999 and
-- epsilon = 1e-4, and in stage i = 0 .. 7 a learning rate of 0.001 * 10^(-i/7) for 3^i epochs: 3,280 in all. As in
-- their program, gradients are of the sum over the batch (next to epsilon that matters), weights begin as in Glorot &
-- Bengio 2010, and the biases of the pixels at the images' mean.
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local losses = train.losses

local STAGES, SAMPLES = 8, 5000

-- Epochs of the first n stages: 1 + 3 + 9 + ...
local function epochs_of(n) return math.tointeger((3 ^ n - 1) / 2) end

-- The learning rate of an epoch, as a share of the first stage's.
local function factor(epoch)
  local stage = 0
  while stage < STAGES - 1 and epoch > epochs_of(stage + 1) do
    stage = stage + 1
  end
  return 10 ^ (-stage / (STAGES - 1))
end

-- The mean of the training images, H x W x C.
local function mean_image(split)
  local sum = gl.zeros(split.images.shape):select(1, 1)
  for _, x in split:batches {size = 1000, shuffle = false} do
    sum = sum + x:sum(1)
  end
  return sum / split.count
end

local function initialize(model, split)
  model:apply(function(module)
    if module:name() == "Linear" then
      gl.nn.init.xavier_uniform(module.weight)
      gl.nn.init.constant(module.bias, 0)
    end
  end)
  local mean = mean_image(split):flatten():clamp(0.001, 0.999)
  local output = model.decoder[#model.decoder]
  output.bias:detach():copy_((mean / (1 - mean)):log())
end

-- "3.2 hours"
local function duration(seconds)
  if seconds < 120 then return ("%.0f seconds"):format(seconds) end
  if seconds < 7200 then return ("%.0f minutes"):format(seconds / 60) end
  return ("%.1f hours"):format(seconds / 3600)
end

local function images_per_second(rate) return ("%.1f images/s"):format(rate) end

train.main(function()
  local options = train.options.new("train_iwae_paper",
    "Trains as \"Importance Weighted Autoencoders\" did (Burda et al. 2016; on --data mnist).", {
      run = "iwae", epochs = epochs_of(STAGES), batch = 20, latent = 50, hidden = {200, 200},
    })
  options:add("--iwae", {default = 1, convert = options.whole(1), metavar = "K",
    help = "samples of the bound that is trained: 1 (a VAE), 5 or 50 in the paper"})
  options:add("--stages", {convert = options.whole(1), metavar = "N",
    help = "short for --epochs 1, 4, 13, 40, 121, 364, 1093, 3280: the first N stages"})
  options:add("--images", {default = 1000, convert = options.whole(1),
    help = "test images for the log-likelihood at the end; all 10,000 in the paper"})
  local parsed = options:parse(arg)
  local stages = parsed.given.stages
  if stages then
    parsed.given.epochs, parsed.values.epochs = epochs_of(stages), epochs_of(stages)
    parsed.given.stages, parsed.values.stages = nil, nil
  end
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(train.data.open(run))
  local model = gl.models.vae {
    image = data.shape, hidden = o.hidden, latent = o.latent, unit = "tanh", samples = o.iwae,
  }
  initialize(model, data.train)
  local optimizer = gl.optim.Adam(model, {lr = o.lr, betas = {0.9, 0.999}, eps = 1e-4})
  run:say("%s", model)
  run:begin {
    model = model, optimizers = {adam = optimizer}, steps = data.train:steps(o.batch),
    train = losses.measures(model), test = losses.measures(model), text = losses.text(model),
  }

  local began = gl.core.clock()
  local first, images = run.epoch, 0
  for epoch = run.epoch, o.epochs do
    optimizer.lr = o.lr * factor(epoch)
    for _, x in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch, first = run.step,
                                    binarize = "dynamic"} do
      local loss = model:loss(x)
      optimizer:zero_grad();
      (loss.loss * #x):backward()
      optimizer:step()
      run:stepped(loss, #x)
      images = images + #x
    end
    local seconds = (gl.core.clock() - began) / images * data.train.count
    run:finish_epoch(train.evaluate(model, data.test, {binarize = "dynamic"}))
    if epoch == first then
      run:say("an epoch takes %s: these %d take %s, the paper's %d %s", duration(seconds), o.epochs,
        duration(seconds * o.epochs), epochs_of(STAGES), duration(seconds * epochs_of(STAGES)))
    end
  end

  local count = math.min(o.images, data.test.count)
  run.progress:start(count)
  local mean, standard_error = gl.metrics.log_likelihood(model, data.test, {
    samples = SAMPLES, images = count, binarize = "dynamic",
    progress = function(done) run.progress:update("log-likelihood", done, images_per_second, "") end,
  })
  run:say("log-likelihood %.2f +- %.2f nats per image (%d samples, %d test images)", mean, standard_error, SAMPLES,
    count)
  run:finish(train.results.of(data))
end)
