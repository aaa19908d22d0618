-- What a training script says of its loss: true for each kind of model.
local gl = require "genlat"
local losses = require "genlat.train.losses"

local function model(kind, more)
  local config = {image = {4, 4, 1}, hidden = {5}, latent = 2}
  for key, value in pairs(more or {}) do
    config[key] = value
  end
  return gl.models[kind](config)
end

-- The loss of a batch, measured as the training scripts do.
local function measured(m, labels)
  gl.seed(1)
  local values = {}
  for name, value in pairs(m:loss(gl.rand(6, 4, 4, 1), labels)) do
    values[name] = value:item()
  end
  return values
end

-- The number that a line of text comes to: its first is what the sum in brackets has to give.
local function sum_of(text)
  local whole, reconstruction, weight, kl = text:match "^(%S+) %(reconstruction (%S+) %+ (%S-) ?x? ?KL (%S+)%)$"
  return tonumber(whole), tonumber(reconstruction) + (weight == "" and 1 or tonumber(weight)) * tonumber(kl)
end

describe("train.losses:", function()
  it("the text of a VAE's loss is a true sum, whatever beta is", function()
    for _, case in ipairs {{"vae", 1}, {"vae", 0.005}, {"vae", 4}, {"vae", 0}, {"cvae", 1}, {"cvae", 2.5}} do
      local m = model(case[1], {beta = case[2], classes = case[1] == "cvae" and 3 or nil})
      local values = measured(m, case[1] == "cvae" and gl.tensor {1, 2, 3, 1, 2, 3} or nil)
      local text = losses.text(m)(values)
      local whole, sum = sum_of(text)
      assert.is_true(math.abs(whole - sum) <= 0.011 + 0.005 * case[2], text)
      assert.equal(case[2] == 1, text:find(" x KL", 1, true) == nil)
    end
  end)

  it("a report's headline is the same sum", function()
    local m = model("vae", {beta = 0.5})
    local values = measured(m)
    local headline = losses.headline(m, values)
    assert.equal(values.loss, headline.value)
    assert.same({"reconstruction", values.reconstruction, sign = "="}, headline.parts[1])
    assert.same({"KL", values.kl, sign = "+ 0.5 \u{D7}"}, headline.parts[2])
    assert.matches("reconstruction + 0.5 KL", losses.explanation(m), 1, true)
  end)

  it("an autoencoder has no KL", function()
    local m = model "autoencoder"
    assert.same({"loss"}, losses.measures(m))
    assert.equal(("%.2f"):format(measured(m).loss), losses.text(m)(measured(m)))
    assert.is_nil(losses.headline(m, measured(m)).parts)
    assert.is_nil(losses.explanation(m):find "KL")
  end)

  it("an importance weighted bound is no sum", function()
    local m = model("vae", {samples = 5})
    local values = measured(m)
    assert.equal(("%.2f (bound of 5 samples; with one: reconstruction %.2f + KL %.2f)"):format(values.loss,
      values.reconstruction, values.kl), losses.text(m)(values))
    for _, part in ipairs(losses.headline(m, values).parts) do
      assert.is_true(part.sign == "" or part.sign == "+")
    end
    assert.equal("", losses.headline(m, values).parts[1].sign)
    assert.matches("bound of 5 samples", losses.explanation(m))
  end)
end)
