-- Which tensor is not finite.
local gl = require "genlat"
local finite = require "genlat.nn.finite"

describe("finite.find", function()
  it("names the first tensor with a NaN or an infinity", function()
    assert.is_nil(finite.find {})
    assert.is_nil(finite.find {a = gl.full({3}, 3e38), b = gl.zeros(2, {dtype = "uint8"}), c = gl.full({2}, -3e38)})
    for _, bad in ipairs {0 / 0, 1 / 0, -1 / 0} do
      assert.equal("b", finite.find {a = gl.zeros(1), b = gl.tensor {1, bad, 3}, c = gl.tensor {bad}})
    end
  end)

  it("finds it in a view, in a large tensor, and records nothing", function()
    local x = gl.randn(300, 1000, {requires_grad = true})
    assert.is_nil(finite.find {x = x})
    local y = x:detach():clone()
    y:slice(1, 300, 300):slice(2, 1000, 1000):fill_(0 / 0)
    assert.equal("y", finite.find {x = x, y = y:t()})
    assert.is_nil(finite.find {y = y:slice(1, 1, 299)})
  end)
end)

describe("models.save", function()
  it("never replaces a model by one that is not finite", function()
    local path = os.tmpname()
    local model = gl.models.autoencoder {image = {4, 4, 1}, hidden = {2}, latent = 1}
    assert(gl.models.save(path, model))
    local name, parameter = next(model:state_dict())
    parameter:detach():fill_(0 / 0)
    local ok, message = gl.models.save(path, model)
    assert.is_nil(ok)
    assert.equal(("%s: not written: the model's %s holds NaN or infinite numbers"):format(path, name), message)
    assert(gl.models.load(path))
    os.remove(path)
  end)
end)
