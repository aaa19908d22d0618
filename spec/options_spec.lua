-- Wrong options, whatever function is given them: each is refused in one line at the user's place, never by an error of
-- Lua's own inside genlat.
local gl = require "genlat"
local latent = gl.latent

local model = gl.models.vae {image = {8, 8, 1}, hidden = {4}, latent = 2}
local data = gl.data.load("digits", {train = 30, test = 20})
local space = latent.space(model)
local z = gl.randn(30, 2)

local functions = {
  {"batches", function(o) return data.train:batches(o) end},
  {"data.load digits", function(o) return gl.data.load("digits", o) end},
  {"faces", function(o) return gl.data.load("faces", o) end},
  {"face", function(o) return gl.data.face({}, o) end},
  {"show", function(o) return require("genlat.terminal").text(gl.zeros(4, 4), o) end},
  {"evaluate", function(o) return gl.train.evaluate(model, data.test, o) end},
  {"elbo", function(o) return gl.metrics.elbo(model, data.test, o) end},
  {"log_likelihood", function(o) return gl.metrics.log_likelihood(model, data.test, o) end},
  {"metrics.evaluate", function(o) return gl.metrics.evaluate(model, data, o) end},
  {"lerp", function(o) return latent.lerp(z[1], z[2], o) end},
  {"route", function(o) return latent.route(z, o) end},
  {"corners", function(o) return latent.corners(z:slice(1, 1, 4), o) end},
  {"tsne", function(o) return latent.tsne(z, o) end},
  {"invert", function(o) return latent.invert(space, gl.rand(1, 8, 8, 1), o) end},
  {"anomaly", function(o) return latent.anomaly.score(space, gl.rand(1, 8, 8, 1), o) end},
  {"fit", function(o) return latent.mixture.fit(z, o) end},
  {"steer", function(o) return latent.steer.learn(space, "zoom", o) end},
  {"components", function(o) return latent.semantics.components(space, o) end},
  {"activations", function(o) return latent.semantics.activations(space, o) end},
  {"weights", function(o) return latent.semantics.weights(space, o) end},
  {"compass", function(o) return latent.compass.new(space, o) end},
  {"compress", function(o) return latent.compress.encode(space, gl.rand(1, 8, 8, 1), nil, o) end},
  {"rate_distortion", function(o) return latent.compress.rate_distortion(space, gl.rand(1, 8, 8, 1), nil, o) end},
  {"effects", function(o) return latent.effects.new(space, o) end},
  {"prior", function(o) return space:prior(2, o) end},
  {"sample", function(o) return space:sample(2, o) end},
  {"space", function(o) return latent.space(model, o) end},
  {"grid", function(o) return gl.plot.images.grid(gl.rand(2, 4, 4, 1), o) end},
  {"lines", function(o) return gl.plot.lines.svg(o) end},
  {"scatter", function(o) return gl.plot.scatter.svg(o) end},
  {"bars", function(o) return gl.plot.bars.svg(o) end},
  {"heatmap", function(o) return gl.plot.heatmap.svg(o) end},
  {"sheet", function(o) return gl.plot.sheet.svg(o) end},
  {"morph", function(o) return gl.plot.morph.svg(o) end},
  {"matrix", function(o) return gl.plot.matrix.svg(o) end},
  {"dots", function(o) return gl.plot.dots.svg(o) end},
  {"histogram.panels", function(o) return gl.plot.histogram.panels(o) end},
  {"grid plane", function(o) return latent.grid(o, gl.zeros(3, 2), gl.zeros(2)) end},
  {"morph plane", function(o) return latent.morph(space, o) end},
  {"principal_components", function(o) return latent.principal_components(z, o) end},
  {"StepLR", function(o) return gl.optim.StepLR(gl.optim.SGD(model, {}), o) end},
  {"Adam", function(o) return gl.optim.Adam(model, o) end},
  {"gan", function(o) return gl.models.gan(o) end},
  {"dcgan", function(o) return gl.models.dcgan(o) end},
  {"lenet", function(o) return gl.models.lenet5(o) end},
  {"vgg", function(o) return gl.models.vgg(o) end},
  {"summary", function(o) return model:summary(o) end},
  {"padded", function(o) return gl.data.padded(data, o) end},
  {"head", function(o) return data.train:head(o) end},
  {"steps", function(o) return data.train:steps(o) end},
  {"classifier.of", function(o) return gl.metrics.classifier.of(data, o) end},
  {"regressor.of", function(o) return gl.metrics.regressor.of(data, o) end},
  {"precision_recall", function(o) return gl.metrics.precision_recall(z, z, o) end},
  {"modes_covered", function(o) return gl.metrics.modes_covered(gl.ones(3), o) end},
  {"quantile", function(o) return latent.quantile(o) end},
  {"axes", function(o) return latent.plane_of_axes(space, o, 2) end},
  {"clip", function(o) return gl.optim.clip_grad_norm(model, o) end},
  {"xavier", function(o) return gl.nn.init.xavier_uniform(model.mean.weight, o) end},
  {"uniform", function(o) return gl.nn.init.uniform(model.mean.weight, o) end},
  {"attributes.examples", function(o) return latent.attributes.examples(space, o) end},
  {"decode", function(o) return space:decode(o) end},
  {"encode", function(o) return space:encode(o) end},
  {"steer.evaluate", function(o)
    return latent.steer.evaluate(space, {range = {-1, 1}, kind = "linear", edit = "zoom", vector = gl.zeros(2)}, o)
  end},
  {"fetch", function(o) return require("genlat.data.fetch").fetch("mnist", o) end},
  {"read_images", function(o) return require("genlat.data.folder").read({}, o) end},
}

local wrong = {
  {unknwn = 1}, {seed = -1}, {steps = 2.5}, "x", 3.5, -1, gl.zeros(2), {size = "5"}, {count = 0}, {columns = 0}, true,
  {{}},
}

describe("wrong options", function()
  for _, case in ipairs(functions) do
    it("of " .. case[1] .. " are refused at the user's line, or taken", function()
      local refused = 0
      for i, value in ipairs(wrong) do
        local ok, message = pcall(case[2], value)
        if not ok then
          refused = refused + 1
          assert.matches("^spec/options_spec%.lua:%d+: ", message, ("value %d"):format(i))
          assert.is_nil(message:find("attempt to", 1, true), message)
          assert.is_nil(message:find "\n", message)
        end
      end
      assert.is_true(refused > 0)
    end)
  end
end)
