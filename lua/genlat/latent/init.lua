--- latent: walking through a trained model's latent space, steering it, and measuring it. Pure computation: nothing
-- here prints or draws.
--
-- A latent vector is a row: z is 1 x latent, or latent; several are N x latent. What every tool takes is a space: a
-- trained model with its data set and its saved directions, see space.lua.
--
--   local space = gl.load "runs/vae"                       -- or latent.space(model)
--   local z = gl.latent.slerp(space:prior(1), space:prior(1), 10)
--   gl.write_png("walk.png", gl.plot.images.grid(space:decode(z), {columns = 10}))

local lazy = require "genlat.lazy"

-- Parts that are tables of functions of their own.
local places = lazy.modules("genlat.latent", {
  "anomaly", "arithmetic", "attributes", "compass", "compress", "edits", "effects", "mixture", "posterior", "semantics",
  "steer",
})

-- The functions of others.
for part, names in pairs {
  walk = {"lerp", "slerp", "route", "corners"},
  plane = {
    "principal_components", "quantile", "grid", "morph", "plane_of_axes", "plane_of_images", "plane_of_change",
    "plane_of_directions",
  },
  invert = {"invert", "typicality"},
  tsne = {"tsne"},
} do
  for _, name in ipairs(names) do
    places[name] = {"genlat.latent." .. part, name}
  end
end

local latent = lazy.fields({}, places)

--- The space of a model: see space.lua, also for what a model of your own has to have. settings: folder, notes, data,
-- and prior = "normal" where the model does not say so itself (all may be left out).
function latent.space(model, settings) return lazy.require("genlat.latent.space").new(model, settings) end

--- The space of a trained run, by its folder or its model's file; or nil and a message. gl.load is this.
function latent.open(path) return lazy.require("genlat.latent.space").open(path) end

return latent
