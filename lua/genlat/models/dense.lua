--- dense.lua: what the dense models share: reading a config, stacks of Linear and ReLU, and the likelihood of images.

local core = require "genlat.core"
local nn = require "genlat.nn"

local dense = {}

local function check_sizes(name, what, sizes)
  if type(sizes) ~= "table" then error(("%s: %s is a list of whole numbers"):format(name, what), 0) end
  for _, size in ipairs(sizes) do
    if math.type(size) ~= "integer" or size < 1 then
      error(("%s: %s holds whole numbers from 1, not %s"):format(name, what, tostring(size)), 0)
    end
  end
end

local likelihoods = {bernoulli = true, gaussian = true}

--- Fills in a config's defaults and checks it.
function dense.config(name, given, defaults)
  local config = {model = name}
  for key, default in pairs(defaults) do
    local value = given and given[key]
    if value == nil then value = default end
    config[key] = value
  end
  for key in pairs(given or {}) do
    if config[key] == nil then error(("%s: there is no setting '%s'"):format(name, key), 0) end
  end
  for _, key in ipairs {"image", "hidden"} do
    local sizes = {}
    for i, size in ipairs(type(config[key]) == "table" and config[key] or {config[key]}) do
      sizes[i] = size
    end
    check_sizes(name, key, sizes)
    config[key] = sizes
  end
  check_sizes(name, "latent", {config.latent})
  if not likelihoods[config.likelihood] then
    error(("%s: likelihood is bernoulli or gaussian, not %s"):format(name, tostring(config.likelihood)), 0)
  end
  return config
end

--- The number of numbers in an image.
function dense.pixels(config)
  local n = 1
  for _, size in ipairs(config.image) do
    n = n * size
  end
  return n
end

--- Linear and ReLU in turn through the sizes; returns the modules as a list and the size they end with.
function dense.stack(from, sizes)
  local modules = {}
  for _, size in ipairs(sizes) do
    modules[#modules + 1] = nn.Linear(from, size)
    modules[#modules + 1] = nn.ReLU()
    from = size
  end
  return modules, from
end

--- The sizes in the other order.
function dense.mirrored(sizes)
  local list = {}
  for i = #sizes, 1, -1 do
    list[#list + 1] = sizes[i]
  end
  return list
end

--- Images as rows: N x H x W x C to N x HWC.
function dense.rows(x) return x:flatten(2) end

--- What the decoder's last layer says, N x HWC, as images N x H x W x C with values in 0..1 (the mean of the
-- likelihood).
function dense.images(config, output)
  local y = config.likelihood == "bernoulli" and output:sigmoid() or output:clamp(0, 1)
  return y:reshape {#output, table.unpack(config.image)}
end

--- -log p(x | output), summed over pixels, averaged over the batch. Bernoulli: output holds logits. Gaussian: output is
-- the mean, with one variance for all pixels that is learned too (Rybkin et al. 2021, sec. 3).
function dense.reconstruction(model, x, output)
  if model.config.likelihood == "bernoulli" then return output:bce_with_logits(x) end
  return x:gaussian_nll(output, model.pixel_logvar)
end

--- Adds the learned log-variance that a Gaussian likelihood needs.
function dense.add_variance(model)
  if model.config.likelihood == "gaussian" then model.pixel_logvar = nn.Parameter(core.full({1}, -2)) end
end

return dense
