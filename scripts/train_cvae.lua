-- train_cvae.lua: trains a conditional VAE, which draws the class it is asked for. `lua scripts/train_cvae.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local losses = train.losses

train.main(function()
  local options = train.options.new("train_cvae", "Trains a conditional VAE (Sohn, Lee & Yan 2015).", {
    run = "cvae", epochs = 20, latent = 8, hidden = {512, 256},
  })
  options:add("--beta", {default = 1, convert = options.number(0), metavar = "WEIGHT", help = "weight of the KL"})
  options:add_network()
  local parsed = options:parse(arg)
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(train.data.open(run, {needs = "a conditional model is told one"}))
  local model = gl.models.cvae {
    image = data.shape, maps = o.maps, hidden = o.hidden, latent = o.latent, beta = o.beta,
    likelihood = o.likelihood, classes = #data.classes,
  }
  local optimizer = gl.optim.Adam(model, {lr = o.lr})
  run:say("%s", model)
  run:begin {
    model = model, optimizers = {adam = optimizer}, steps = data.train:steps(o.batch),
    train = losses.measures(model), test = losses.measures(model), text = losses.text(model),
  }

  for epoch = run.epoch, o.epochs do
    for _, x, labels in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch, first = run.step} do
      local loss = model:loss(x, labels)
      optimizer:zero_grad()
      loss.loss:backward()
      optimizer:step()
      run:stepped(loss, #x)
    end
    run:finish_epoch(train.evaluate(model, data.test))
  end

  run:finish(train.results.of(data))
end)
