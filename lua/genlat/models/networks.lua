--- networks.lua: what the models share: reading a config, encoders and decoders, and the likelihood of images.

local core = require "genlat.core"
local check = require "genlat.check"
local nn = require "genlat.nn"

local networks = {
  MOST_LAYERS = 1000, -- in a list of sizes: more is no network but a mistake or a damaged file
}

local units = {relu = nn.ReLU, tanh = nn.Tanh}

local LARGEST, LARGEST_SIDE = 1 << 24, 1 << 16 -- products of a few of them are whole numbers still

--- What a size is: of a layer, a latent space, a number of classes.
networks.size = check.whole(1, LARGEST)

local layer_sizes = check.list(networks.size, {most = networks.MOST_LAYERS, single = true})

-- The rules of the settings that several models have.
local rules = {
  image = check.list(check.whole(1, LARGEST_SIDE), {count = 3}), hidden = layer_sizes, maps = layer_sizes,
  latent = networks.size,
  classes = networks.size, likelihood = check.word {"bernoulli", "gaussian"}, unit = check.word {"relu", "tanh"},
  beta = check.number {least = 0},
}

--- A model's config: what was given, checked, and the defaults. settings: name -> {default, rule}; the rule may be left
-- out where it is the one that all models share. image is {height, width, channels}.
function networks.config(name, given, settings)
  local own = {model = {check.word {name}, name}}
  for key, setting in pairs(settings) do
    own[key] = {setting[2] or rules[key], setting[1]}
  end
  return check.options(name, given, own)
end

--- 1, 2, ..., classes, 1, 2, ...: n labels.
function networks.labels_in_turn(n, classes)
  local labels = {}
  for i = 1, n do
    labels[i] = (i - 1) % classes + 1
  end
  return core.tensor(labels)
end

--- The number of numbers in an image.
function networks.pixels(config)
  local n = 1
  for _, size in ipairs(config.image) do
    n = n * size
  end
  return n
end

--- Linear and units ("relu", the default, or "tanh") in turn through the sizes; returns the modules as a list and the
-- size they end with.
function networks.stack(from, sizes, unit)
  local modules = {}
  for _, size in ipairs(sizes) do
    modules[#modules + 1] = nn.Linear(from, size)
    modules[#modules + 1] = units[unit or "relu"]()
    from = size
  end
  return modules, from
end

--- The sizes in the other order.
function networks.mirrored(sizes)
  local list = {}
  for i = #sizes, 1, -1 do
    list[#list + 1] = sizes[i]
  end
  return list
end

-- The size of the images that the convolutions of `maps` leave: each halves it.
local function halved(name, config)
  local h, w = config.image[1], config.image[2]
  for i = 1, #config.maps do
    if h % 2 ~= 0 or w % 2 ~= 0 then
      check.fail("%s: %d convolutions halve the image as often, and %d x %d cannot be halved %d times", name,
        #config.maps, config.image[1], config.image[2], i)
    end
    h, w = h // 2, w // 2
  end
  return h, w
end

--- The encoder up to its last hidden layer, and that layer's width: a 4 x 4 convolution of stride 2 for each of
-- config.maps, then dense layers of config.hidden; config.unit after each. `more` numbers (a label, one-hot) join the
-- images as channels, or as inputs of a dense network.
function networks.encoder(name, config, more)
  local modules, width = {}, config.image[3] + (more or 0)
  local h, w = halved(name, config)
  for _, maps in ipairs(config.maps) do
    modules[#modules + 1] = nn.Conv2d(width, maps, 4, {stride = 2, padding = 1})
    modules[#modules + 1] = units[config.unit]()
    width = maps
  end
  modules[#modules + 1] = nn.Flatten()
  local from = #config.maps > 0 and h * w * width or networks.pixels(config) + (more or 0)
  local dense
  dense, width = networks.stack(from, config.hidden, config.unit)
  table.move(dense, 1, #dense, #modules + 1, modules)
  return nn.Sequential(table.unpack(modules)), width
end

--- The encoder's mirror image: latent vectors (and `more` numbers) to N x H x W x C or N x HWC, before the likelihood's
-- nonlinearity.
function networks.decoder(name, config, more)
  local modules, width = networks.stack(config.latent + (more or 0), networks.mirrored(config.hidden), config.unit)
  local function add(module) modules[#modules + 1] = module end
  if #config.maps == 0 then
    add(nn.Linear(width, networks.pixels(config)))
    return nn.Sequential(table.unpack(modules))
  end
  local h, w = halved(name, config)
  local maps = networks.mirrored(config.maps)
  add(nn.Linear(width, h * w * maps[1]))
  add(units[config.unit]())
  add(nn.Reshape(h, w, maps[1]))
  for i, from in ipairs(maps) do
    add(nn.ConvTranspose2d(from, maps[i + 1] or config.image[3], 4, {stride = 2, padding = 1}))
    if maps[i + 1] then add(units[config.unit]()) end
  end
  add(nn.Flatten())
  return nn.Sequential(table.unpack(modules))
end

--- Images as rows: N x H x W x C to N x HWC.
function networks.rows(x) return x:flatten(2) end

--- The float32 numbers of the widest tensor for an image: itself, or what the first of the convolutions, which halve
-- its sides, makes of it. config.maps: a list, the maps of the first, or nil.
function networks.widest(config)
  local h, w, c = table.unpack(config.image)
  local maps = config.maps
  if type(maps) == "table" then maps = maps[1] end
  return h * w * math.max(c, (maps or 0) // 4)
end

--- What the decoder's last layer says, N x HWC, as images N x H x W x C with values in 0..1 (the mean of the
-- likelihood).
function networks.images(config, output)
  local y = config.likelihood == "bernoulli" and output:sigmoid() or output:clamp(0, 1)
  return y:reshape {#output, table.unpack(config.image)}
end

--- -log p(x | output), summed over pixels, averaged over the batch. Bernoulli: output holds logits. Gaussian: output is
-- the mean, with one variance for all pixels that is learned too (Rybkin et al. 2021, sec. 3). reduction: the losses'
-- ("batch").
function networks.reconstruction(model, x, output, reduction)
  if model.config.likelihood == "bernoulli" then return output:bce_with_logits(x, reduction) end
  return x:gaussian_nll(output, model.pixel_logvar, reduction)
end

--- -ELBO of a VAE and its parts, with one sample of z for each image: {loss =, reconstruction =, kl =}, nats per image.
-- beta weighs the KL in `loss` only.
function networks.elbo(model, x, labels)
  local mean, logvar = model:posterior(x, labels)
  local output = model:decode_output(mean:gaussian_sample(logvar), labels)
  local reconstruction = networks.reconstruction(model, networks.rows(x), output)
  local kl = mean:kl_normal(logvar)
  local beta = model.config.beta
  return {loss = reconstruction + (beta == 1 and kl or kl * beta), reconstruction = reconstruction, kl = kl}
end

--- Importance weights (Burda et al. 2016, eq. 8): log w = log p(x|z) + log p(z) - log q(z|x) for `samples` z from
-- q(z|x) of each image: N x samples. Returns also the first term of it, and q's mean and log-variance.
function networks.log_weights(model, x, samples, labels)
  local mean, logvar = model:posterior(x, labels)
  local n, rows = #x, #x * samples
  local function repeated(t) -- N x ... to N samples x ...
    local size = t:numel() // n
    return t:reshape(n, 1, size):expand(n, samples, size):reshape(rows, size)
  end
  local noise = core.randn(n, samples, model.latent)
  local z = mean:unsqueeze(2) + (logvar / 2):exp():unsqueeze(2) * noise
  local output = model:decode_output(z:reshape(rows, model.latent), labels and repeated(labels):squeeze(2))
  local log_px = -networks.reconstruction(model, repeated(x), output, "none"):sum(2):reshape(n, samples)
  -- log p(z) - log q(z|x): the terms with log 2 pi cancel, and z is noise standard deviations from the mean
  local log_ratio = (logvar:sum(2, true) + (noise:square() - z:square()):sum(3)) / 2
  return log_px + log_ratio, log_px, mean, logvar
end

--- The bound of the importance weighted autoencoder, with model.config.samples = K (Burda et al. 2016, eq. 8):
-- loss = -log 1/K sum_k w_k, and for comparison the parts of the ELBO: {loss =, reconstruction =, kl =}.
function networks.iwae_bound(model, x, labels)
  local samples = model.config.samples
  local log_w, log_px, mean, logvar = networks.log_weights(model, x, samples, labels)
  return {
    loss = math.log(samples) - log_w:logsumexp(2):mean(), reconstruction = -log_px:mean(), kl = mean:kl_normal(logvar),
  }
end

--- Adds the learned log-variance that a Gaussian likelihood needs.
function networks.add_variance(model)
  if model.config.likelihood == "gaussian" then model.pixel_logvar = nn.Parameter(core.full({1}, -2)) end
end

return networks
