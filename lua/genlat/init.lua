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

local boot = require "genlat.boot" -- before the core: see csrc/lua/boot.c
local core = require "genlat.core"
boot.restore()
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
for _, op in ipairs(core.op_table) do
  gl.ops[op.name] = op
  gl[op.name] = core[op.name]
end

--- Calls f(...) without recording, so that what it computes needs no memory for gradients; returns its results.
function gl.no_grad(f, ...)
  local before = core.set_recording(false)
  local results = table.pack(pcall(f, ...))
  core.set_recording(before)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
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
function gl.info() return setmetatable(core.info(), readable) end

--- Bytes of C memory: live (in use), pooled (freed, kept for reuse), peak (the most ever in use).
function gl.memory() return setmetatable(core.memory(), readable) end

--- x with its two axes exchanged.
function core.tensor_methods.t(x)
  if x.ndim ~= 2 then error(("t: x has 2 axes, not %d"):format(x.ndim), 2) end
  return x:transpose(1, 2)
end

local parts = {
  data = true, latent = true, metrics = true, models = true, nn = true, optim = true, plot = true, train = true,
}

return setmetatable(gl, {
  __index = function(_, name)
    if not parts[name] then return nil end
    gl[name] = require("genlat." .. name)
    return gl[name]
  end,
})
