--- genlat: train generative models on a CPU and look into their latent spaces.
--
--   local gl = require "genlat"
--   local x = gl.randn(3, 4)
--   print(x:matmul(gl.eye(4)) + 1)
--
-- Every op is a function here and a method of tensors: gl.exp(x), x:exp(). gl.ops lists them. The parts below are
-- loaded when they are first used:
--   gl.nn       modules and layers            gl.optim    optimizers and learning-rate schedules
--   gl.data     data sets and batches         gl.models   autoencoder, VAE
--   gl.latent   walks through latent space    gl.plot     pictures
--   gl.train    runs: progress, checkpoints, logs
--   gl.metrics  how good a model is
-- At Lua's prompt gl.show(x) shows images in the terminal, and gl.help(x) says what a thing is and gives an example.

local boot = require "genlat.boot" -- before the core: see csrc/lua/boot.c
local core = require "genlat.core"
boot.restore()
local lazy = require "genlat.lazy"
local scope = require "genlat.scope"
core.set_library(debug.getinfo(1, "S").source:match "^(.*)init%.lua$" or "=") -- errors name a line outside these files

local gl = {core = core}

-- Of the core's functions these are for everybody; the others serve genlat's own Lua code.
for _, name in ipairs {
  "tensor", "zeros", "ones", "full", "arange", "linspace", "eye", "rand", "randn", "randperm", "seed", "rng_state",
  "threads", "read_png", "write_png", "write_gif", "read_idx", "write_idx",
} do
  gl[name] = core[name]
end

--- The ops, by name: gl.ops.exp.signature, gl.ops.exp.doc.
gl.ops = {}
local op_events = {
  __tostring = function(op) return ("gl.%s: %s; gl.help(gl.%s) says more"):format(op.name, op.doc, op.name) end,
}
for _, op in ipairs(core.op_table) do
  gl.ops[op.name] = setmetatable(op, op_events)
  gl[op.name] = core[op.name]
end

--- Calls f(...) without recording, so that what it computes needs no memory for gradients; returns its results. It
-- holds for the coroutine that calls it, and for those that this one resumes meanwhile: see scope.lua.
--
--   x = gl.no_grad(function() return model:decode(z) end)
function gl.no_grad(f, ...)
  scope.check_function("no_grad", f)
  return scope.run({recording = false}, f, ...)
end

local readable = {
  __tostring = function(t)
    local lines = {}
    for key, value in pairs(t) do
      lines[#lines + 1] = ("%s: %s"):format(key, value)
    end
    table.sort(lines)
    return table.concat(lines, "\n")
  end,
}

--- A trained run, by its folder (or its model's file): the model with its data set and its saved directions, as a
-- latent space to walk in; or nil and a message. See genlat/latent/space.lua.
--   vae = gl.load "runs/vae"
--   vae:decode(vae:prior(16))
function gl.load(path) return gl.latent.open(path) end

--- Facts about this build and machine: version, blas, blas_core, instruction_set, threads, lua, dtype.
--
--   print(gl.info())
function gl.info() return setmetatable(core.info(), readable) end

--- Bytes of C memory: live (in use), pooled (freed, kept for reuse), peak (the most ever in use).
--
--   print(gl.memory().live / 2^20, "MiB")
function gl.memory() return setmetatable(core.memory(), readable) end

--- x with its two axes exchanged.
function core.tensor_methods.t(x)
  if core.kind_of(x) ~= "genlat.Tensor" then core.error(("t: expected a tensor, got %s"):format(type(x))) end
  if x.ndim ~= 2 then core.error(("t: x has 2 axes, not %d"):format(x.ndim)) end
  return x:transpose(1, 2)
end

-- The names of a table's fields, as it prints: "gl.latent: lerp, slerp, ..."
local function names_text(title, t)
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return title .. ": " .. table.concat(names, ", ")
end

-- A part that prints its fields' names.
local function with_names(name, part)
  local meta = getmetatable(part) or {}
  meta.__tostring = function() return names_text("gl." .. name, part) end
  return setmetatable(part, meta)
end

with_names("ops", gl.ops)

-- The parts, and functions for whoever types at Lua's prompt.
local places = {show = {"genlat.terminal", "show"}, help = {"genlat.help", "help"}}

local parts = {}
for _, name in ipairs {"data", "latent", "metrics", "models", "nn", "optim", "plot", "train"} do
  parts[name] = true
  places[name] = function() return with_names(name, lazy.require("genlat." .. name)) end
end

lazy.fields(gl, places)

getmetatable(gl).__tostring = function()
  local title = ("genlat %s, for generative models and their latent spaces; its parts"):format(core.info().version)
  return names_text(title, parts) .. "; gl.help() says more"
end

return gl
