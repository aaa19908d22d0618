-- train_vae.lua: trains a variational autoencoder and shows what it learned. `lua scripts/train_vae.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local losses = train.losses

train.main(function()
  local options = train.options.new("train_vae", "Trains a variational autoencoder (Kingma & Welling 2014).", {
    run = "vae", epochs = 20, latent = 2, hidden = {512, 256},
  })
  options:add("--beta", {default = 1, convert = options.number(0), metavar = "WEIGHT", help = "weight of the KL"})
  options:add("--iwae", {default = 1, convert = options.whole(1), metavar = "K",
    help = "samples of the importance weighted bound (Burda et al. 2016), below reconstruction + KL; 1: the VAE's"})
  options:add_network()
  options:add("--binarize", {default = "none", choices = {"none", "dynamic", "threshold"},
    metavar = "HOW", help = "none, dynamic (drawn anew each time) or threshold (at one half)"})
  local parsed = options:parse(arg)
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(train.data.open(run))
  local model = gl.models.vae {
    image = data.shape, maps = o.maps, hidden = o.hidden, latent = o.latent, beta = o.beta,
    likelihood = o.likelihood, samples = o.iwae,
  }
  local optimizer = gl.optim.Adam(model, {lr = o.lr})
  run:say("%s", model)
  run:begin {
    model = model, optimizers = {adam = optimizer}, steps = data.train:steps(o.batch),
    train = losses.measures(model), test = losses.measures(model), text = losses.text(model),
  }

  for epoch = run.epoch, o.epochs do
    for _, x in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch, first = run.step,
                                    binarize = o.binarize} do
      local loss = model:loss(x)
      optimizer:zero_grad()
      loss.loss:backward()
      optimizer:step()
      run:stepped(loss, #x)
    end
    run:finish_epoch(train.evaluate(model, data.test, {binarize = o.binarize}))
  end

  run:finish(train.results.of(data))
end)
