-- train_ae.lua: trains an autoencoder and shows what it learned. `lua scripts/train_ae.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local losses = train.losses

train.main(function()
  local options = train.options.new("train_ae", "Trains an autoencoder (Hinton & Salakhutdinov 2006).", {
    run = "ae", epochs = 20, latent = 2, hidden = {512, 256},
  })
  options:add_network()
  options:add("--noise", {default = 0, convert = options.number(0), metavar = "STD",
    help = "train to remove Gaussian noise of this standard deviation (a denoising autoencoder)"})
  local parsed = options:parse(arg)
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(train.data.open(run))
  local model = gl.models.autoencoder {
    image = data.shape, maps = o.maps, hidden = o.hidden, latent = o.latent, likelihood = o.likelihood,
    noise = o.noise,
  }
  local optimizer = gl.optim.Adam(model, {lr = o.lr})
  run:say("%s", model)
  run:begin {
    model = model, optimizers = {adam = optimizer}, steps = data.train:steps(o.batch),
    train = losses.measures(model), test = losses.measures(model), text = losses.text(model),
  }

  for epoch = run.epoch, o.epochs do
    for _, x in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch, first = run.step} do
      local loss = model:loss(x)
      optimizer:zero_grad()
      loss.loss:backward()
      optimizer:step()
      run:stepped(loss, #x)
    end
    model:fit_sampler((gl.latent.space(model):encode_split(data.train, 10000)))
    run:finish_epoch(train.evaluate(model, data.test))
  end

  run:finish(train.results.of(data))
end)
