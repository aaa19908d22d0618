-- train_gan.lua: trains the original, dense GAN and shows what it makes. `lua scripts/train_gan.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local gan = train.gan

train.main(function()
  local options = train.options.new("train_gan", "Trains a dense GAN (Goodfellow et al. 2014).", {
    run = "gan", epochs = 20, latent = 64, hidden = {256, 512}, lr = 2e-4,
    hidden_help = "hidden layers of the generator, such as 256,512; the discriminator's are in reverse",
  })
  gan.add_options(options)
  local parsed = options:parse(arg)
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(train.data.open(run))
  local model = gl.models.gan {
    image = data.shape, hidden = o.hidden, latent = o.latent, loss = o.loss, spectral = o.spectral,
  }
  local generator_optimizer = gl.optim.Adam(model.generator, {lr = o.lr, betas = {0.5, 0.999}})
  local discriminator_optimizer = gl.optim.Adam(model.discriminator, {lr = o.lr, betas = {0.5, 0.999}})
  run:say("%s", model)
  run:begin {
    model = model, optimizers = {generator = generator_optimizer, discriminator = discriminator_optimizer},
    steps = data.train:steps(o.batch), train = gan.TRAIN, test = gan.TEST, text = gan.text(model),
    memory_rule = gan.MEMORY, last_line = gan.last_line(model),
  }

  for epoch = run.epoch, o.epochs do
    for _, x in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch, first = run.step} do
      local fake = model:generate(gl.randn(#x, model.latent))

      model.discriminator:unfreeze()
      local judged = model:discriminator_loss(model.scaled(x), fake)
      discriminator_optimizer:zero_grad()
      judged.loss:backward()
      discriminator_optimizer:step()

      model.discriminator:freeze() -- its gradients are not wanted while the generator learns
      local loss = model:generator_loss(fake)
      generator_optimizer:zero_grad()
      loss:backward()
      generator_optimizer:step()

      gan.stepped(run, loss, judged, #x)
    end
    gan.finish_epoch(run, data.test)
  end

  run:finish(gan.results(data))
end)
