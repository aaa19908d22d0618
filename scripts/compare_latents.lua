-- compare_latents.lua: an autoencoder and a VAE with two latent dimensions, trained on the same images, side by side:
-- why the VAE's latent space is continuous and the autoencoder's has holes. `lua scripts/compare_latents.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local comparison = train.comparison

train.main(function()
  local options = train.options.new("compare_latents",
    "Trains an autoencoder and a VAE with 2-D latent spaces and puts their maps side by side.", {
      run = "compare", epochs = 10, hidden = {512, 256},
    })
  options.parser:epilog("A run leaves both maps in compare_latents.svg, what is decoded from them, its log, "
    .. "autoencoder.safetensors, vae.safetensors and report.html in its folder.")
  local parsed = options:parse(arg)
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(train.data.open(run))
  local config = {image = data.shape, hidden = o.hidden, latent = 2}
  local autoencoder, vae = gl.models.autoencoder(config), gl.models.vae(config)
  local pair = comparison.Pair(autoencoder, vae)
  local optimizer = gl.optim.Adam(pair, {lr = o.lr})
  run:say("%s\n%s", autoencoder, vae)
  run:begin {
    model = pair, models = {autoencoder = autoencoder, vae = vae}, optimizers = {adam = optimizer},
    steps = data.train:steps(o.batch), train = comparison.MEASURES, test = comparison.MEASURES,
    text = comparison.text, last_line = function() return run.folder .. "/compare_latents.svg" end,
  }

  for epoch = run.epoch, o.epochs do
    for _, x in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch, first = run.step} do
      local losses = {autoencoder = autoencoder:loss(x).loss, vae = vae:loss(x).loss}
      optimizer:zero_grad();
      (losses.autoencoder + losses.vae):backward() -- they share no parameter: as if each were trained alone
      optimizer:step()
      run:stepped(losses, #x)
    end
    autoencoder:fit_sampler((gl.latent.space(autoencoder):encode_split(data.train, 10000)))
    run:finish_epoch(comparison.evaluate(pair, data.test))
  end

  run:finish(comparison.results(data))
end)
