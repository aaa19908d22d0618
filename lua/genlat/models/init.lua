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
--
-- A class of your own, which keeps what it was made with as self.config, becomes one by models.register; the parameters
-- of any other module are kept by its save_state and load_state. latent/space.lua says what a latent space needs.

local check = require "genlat.check"
local core = require "genlat.core"
local finite = require "genlat.nn.finite"
local json = require "genlat.json"
local lazy = require "genlat.lazy"
local safetensors = require "genlat.safetensors"
local scope = require "genlat.scope"
local text = require "genlat.text"
local is_module = require("genlat.nn.module").is_module

local models = {}

--- The models by the name that their config carries: their files, or the classes that were registered.
models.kinds = {
  autoencoder = "genlat.models.autoencoder", vae = "genlat.models.vae", cvae = "genlat.models.cvae",
  gan = "genlat.models.gan", dcgan = "genlat.models.dcgan", lenet5 = "genlat.models.lenet5",
  vgg = "genlat.models.vgg",
}

-- The class of a name.
local function class_of(name)
  local kind = models.kinds[name]
  return type(kind) == "string" and lazy.require(kind) or kind
end

-- The names and shapes of a model's tensors, as one text.
local function layout_of(model)
  local lines = {}
  for name, tensor in pairs(model:state_dict()) do
    lines[#lines + 1] = ("%s %s"):format(name, table.concat(tensor.shape, "x"))
  end
  text.sort(lines)
  return table.concat(lines, "\n")
end

-- What a model is built from, and what comes of it, as texts: model -> those for which this is known to be so.
local known = setmetatable({}, {__mode = "k"})

local function form_of(model, config) return json.encode(config) .. "\n" .. layout_of(model) end

for name in pairs(models.kinds) do
  --- models.autoencoder(config), models.vae(config)
  models[name] = function(config)
    local model = class_of(name)(config)
    known[model] = form_of(model, model.config)
    return model
  end
end

local own = {} -- the names that were registered

local function copy_of(config)
  local copy = {}
  for key, value in pairs(config) do
    copy[key] = value
  end
  return copy
end

--- Makes a class of your own a model that models.save, models.load and gl.load know by this name. Class(config) has to
-- make it, and to keep that config: self.config = config, plain data.
--
--   local Tiny = gl.nn.class "Tiny"
--   function Tiny:init(config)
--     self.config = config
--     self.inner = gl.nn.Linear(784, config.latent)
--   end
--   gl.models.register("tiny", Tiny)
--   local model = gl.models.tiny {latent = 2}
function models.register(name, class)
  check.value("register: name", name, check.text)
  if not name:find "^[%a_][%w_]*$" then
    check.fail("register: name: letters, digits and _, not '%s'", name)
  elseif models[name] ~= nil and not own[name] then
    check.fail("register: '%s' is the name of something else in gl.models", name)
  elseif type(class) ~= "table" or not rawget(class, "is_genlat_module") then
    check.fail("register: class: a class of modules (gl.nn.class), not a %s", type(class))
  end
  own[name], models.kinds[name] = true, class
  models[name] = function(config) return class(config) end
end

local function kind_names() return text.sorted_keys(models.kinds) end

--- Builds the model that a config describes; raises where the config is none of its.
--
--   local model = gl.models.build {model = "vae", latent = 2}
function models.build(config)
  check.value("build: config", config, check.table)
  local class = class_of(check.known("build", "model", config.model, kind_names()))
  if not own[config.model] then return class(config) end
  local given = copy_of(config)
  given.model = nil
  return class(given)
end

-- Writing ------------------------------------------------------------------------------------------------------------

-- The name under which a model's class is known, or nil.
local function name_of(model)
  local class = getmetatable(model)
  for name in pairs(models.kinds) do
    if class_of(name) == class then return name end
  end
end

-- models.build by pcall. Building a model draws random numbers, which are then overwritten: they are put back.
local function build_aside(config) return scope.run({seed = 0}, check.try, models.build, config) end

-- Raises unless the config builds a model with tensors of these names and shapes.
local function check_form(model, config)
  local form = form_of(model, config)
  if known[model] == form then return end
  local built, again = build_aside(json.decode(json.encode(config)))
  if not built then
    check.fail("models.save: load could not build this %s: %s", model:name(), again)
  elseif form_of(again, config) ~= form then
    check.fail("models.save: load could not read this %s: one built from its config has other tensors", model:name())
  end
  known[model] = form
end

local function check_plain(what, value)
  local place, problem = json.problem(value)
  if place then check.fail("models.save: %s%s is %s, which a file cannot keep", what, place, problem) end
end

-- The config that a model's file gets: with the name of its class.
local function config_to_save(model)
  local name = name_of(model)
  if not name then
    check.fail("models.save: load could not build a %s: make its class known by models.register, or keep its "
      .. "parameters alone by model:save_state(path)", model:name())
  elseif type(model.config) ~= "table" then
    check.fail("models.save: a %s keeps no self.config, from which load could build it", model:name())
  end
  check_plain("config", model.config)
  local config = copy_of(model.config)
  if own[name] and config.model ~= nil then
    check.fail("models.save: config.model is taken: it becomes the name of the model's class, '%s'", name)
  end
  config.model = name
  return config
end

--- Writes a model: its tensors, its config and notes (plain data) in one safetensors file. Returns true, or nil and a
-- message. What load could not read is refused: a model of an unknown class, a config that does not build it. A model
-- that has a NaN or an infinity in it never replaces one that is there.
function models.save(path, model, notes)
  if not is_module(model) then check.fail("models.save: expected a model, got a %s", type(model)) end
  check_plain("notes", check.value("models.save: notes", notes or {}, check.table))
  local config = config_to_save(model)
  check_form(model, config)
  return finite.save(path, model:state_dict(), {
    format = "genlat", config = json.encode(config), notes = json.encode(notes or {}),
  })
end

-- Reading ------------------------------------------------------------------------------------------------------------

local LONGEST = 1 << 20 -- characters of a config or of notes

local CONFIG = check.record {model = check.text}

-- What genlat's own tools read of a run's notes.
local NOTES = check.record {
  run = check.optional(check.text), epochs = check.optional(check.number {least = 0}),
  options = check.optional(check.record {
    data = check.optional(check.text), size = check.optional(check.whole(1)), without = check.optional(check.text),
  }),
}

-- A field of a file's metadata as plain data that its rule allows; or nil and a message.
local function read_field(path, metadata, name, rule)
  if not metadata[name] then return nil, text.message("%s: not a model of genlat's: it has no %s", path, name) end
  if #metadata[name] > LONGEST then
    return nil, text.message("%s: %s: has %d characters, the limit is %d", path, name, #metadata[name], LONGEST)
  end
  local value, problem = json.decode(metadata[name])
  if value == nil then return nil, text.message("%s: %s: %s", path, name, problem) end
  return check.schema(path, name, value, rule)
end

-- Bytes that building a model may take: all of its tensors, which are in the file too, a few times, and a little.
local ROOM, SLACK = 4, 1 << 24

local function numbers_of(tensors)
  local n = 0
  for _, tensor in pairs(tensors) do
    n = n + tensor:numel()
  end
  return n
end

-- The model that a config describes, whose tensors are in memory already; or nil and a message. A config that asks for
-- more than those is found out before it is given the memory.
local function build_within(path, config, tensors)
  if not models.kinds[config.model] then
    return nil, text.message("%s: %s; a class of one's own is made known by gl.models.register first", path,
      text.unknown("model", config.model, kind_names()))
  end
  local numbers = numbers_of(tensors)
  core.memory_allow(ROOM * 4 * numbers + SLACK)
  local built, model = build_aside(config)
  if core.memory_allow() then
    return nil, text.message("%s: config: asks for a larger model than its tensors make, which have %s", path,
      text.count(numbers, "number"))
  elseif not built then
    return nil, text.message("%s: config: %s", path, model)
  end
  return model
end

local function load_file(path)
  local tensors, metadata = safetensors.load(path)
  if not tensors then return nil, metadata end
  local config, message = read_field(path, metadata, "config", CONFIG)
  if not config then return nil, message end
  local notes, message2 = read_field(path, metadata, "notes", NOTES)
  if not notes then return nil, message2 end
  local model, message3 = build_within(path, config, tensors)
  if not model then return nil, message3 end
  local ok, why = check.try(model.load_state_dict, model, tensors)
  if not ok then return nil, text.message("%s: %s", path, why) end
  known[model] = form_of(model, config)
  return model:eval(), notes
end

-- Files of a run that are no models.
local OTHERS = {checkpoint = true, directions = true, walks = true, sampler = true}

-- What to say of a folder whose models have other names, as of compare_latents; nil where there are none.
local function other_names(path)
  local found = {}
  for _, name in ipairs(core.list_folder(path) or {}) do
    local stem = name:match "^(.+)%.safetensors$"
    if stem and not OTHERS[stem] then found[#found + 1] = name end
  end
  if #found == 0 then return nil end
  text.sort(found)
  return text.message("%s: there is no model.safetensors; say which file it is: %s", path, text.list(found))
end

--- Reads a model from a run folder or a file; returns it, in evaluation, and its notes, or nil and a message.
function models.load(path)
  check.value("models.load: path", path, check.text)
  if core.file_kind(path) ~= "folder" then return load_file(path) end
  local file = path .. "/model.safetensors"
  local message = not core.file_kind(file) and other_names(path)
  if message then return nil, message end
  return load_file(file)
end

return models
