--- models: the networks that the scripts train, and how they are kept in files.
--
--   local model = gl.models.vae {image = {28, 28, 1}, hidden = {400}, latent = 20}
--   models.save(path, model, {data = "digits"})
--   local model, notes = models.load(path)              -- or models.load("runs/vae")
--
-- A model is a module with a `config` (plain data, enough to build it again) and
--   loss(x)    {loss =, reconstruction =, kl =}, tensors, nats per image
--   encode(x)  latent vectors N x latent         decode(z)  images N x H x W x C, 0..1
--   sample(n)  n images from the model           latent     the number of latent dimensions

local core = require "genlat.core"
local finite = require "genlat.nn.finite"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local scope = require "genlat.scope"

local models = {}

--- The models by the name that their config carries.
models.kinds = {
  autoencoder = "genlat.models.autoencoder", vae = "genlat.models.vae", cvae = "genlat.models.cvae",
  gan = "genlat.models.gan", dcgan = "genlat.models.dcgan", lenet5 = "genlat.models.lenet5",
  vgg = "genlat.models.vgg",
}

for name, path in pairs(models.kinds) do
  --- models.autoencoder(config), models.vae(config)
  models[name] = function(config) return require(path)(config) end
end

--- Builds the model that a config describes.
--
--   local model = gl.models.build {model = "vae", latent = 2}
function models.build(config)
  if type(config) ~= "table" or not models.kinds[config.model] then
    return nil, ("there is no model called %s"):format(type(config) == "table" and tostring(config.model) or "nothing")
  end
  return models[config.model](config)
end

--- Writes a model: its tensors, its config and notes (plain data) in one safetensors file. Returns true, or nil and a
-- message. A model that has a NaN or an infinity in it never replaces one that is there.
function models.save(path, model, notes)
  local state = model:state_dict()
  local flaw = finite.find(state)
  if flaw then return nil, ("%s: not written: the model's %s holds NaN or infinite numbers"):format(path, flaw) end
  return safetensors.save(path, state, {
    format = "genlat", config = json.encode(model.config), notes = json.encode(notes or {}),
  })
end

local function load_file(path)
  local tensors, metadata = safetensors.load(path)
  if not tensors then return nil, metadata end
  local config, notes = json.decode(metadata.config or ""), json.decode(metadata.notes or "")
  if type(config) ~= "table" or type(notes) ~= "table" then return nil, path .. ": not a model of genlat's" end
  -- building a model draws numbers that are then overwritten
  local built, model, message = scope.run({seed = 0}, pcall, models.build, config)
  if not built then return nil, ("%s: %s"):format(path, model) end
  if not model then return nil, ("%s: %s"):format(path, message) end
  local ok, why = pcall(model.load_state_dict, model, tensors)
  if not ok then return nil, ("%s: %s"):format(path, why) end
  return model:eval(), notes
end

--- Reads a model from a run folder or a file; returns it, in evaluation, and its notes, or nil and a message.
function models.load(path)
  if core.file_kind(path) == "folder" then path = path .. "/model.safetensors" end
  return load_file(path)
end

return models
