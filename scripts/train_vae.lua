-- train_vae.lua: trains a variational autoencoder and shows what it learned. `lua scripts/train_vae.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train

train.main(function()
  local options = train.options.new("train_vae", "Trains a variational autoencoder (Kingma & Welling 2014).", {
    run = "vae", epochs = 25, latent = 2, hidden = {512, 256},
  })
  options:add("--beta", {default = 1, convert = options.number(0), metavar = "WEIGHT", help = "weight of the KL"})
  options:add("--likelihood", {default = "bernoulli", convert = options.word {"bernoulli", "gaussian"},
    metavar = "KIND", help = "of pixels: bernoulli or gaussian"})
  options:add("--binarize", {default = "none", convert = options.word {"none", "dynamic", "threshold"},
    metavar = "HOW", help = "none, dynamic (drawn anew each time) or threshold (at one half)"})
  local parsed = options:parse(arg)
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(gl.data.load(o.data))
  local model = gl.models.vae {
    image = data.shape, hidden = o.hidden, latent = o.latent, beta = o.beta, likelihood = o.likelihood,
  }
  local optimizer = gl.optim.Adam(model, {lr = o.lr})
  run:say("%s", model)
  run:begin(model, optimizer, data.train:steps(o.batch))

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
