-- Directions for known attributes, what they change, and arithmetic with groups.
local gl = require "genlat"
local Split = require "genlat.data.split"
local nn = gl.nn
local latent = gl.latent
local attributes, effects, arithmetic = latent.attributes, latent.effects, latent.arithmetic

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function cosine(a, b) return ((a * b):sum() / (a:norm() * b:norm())):item() end

-- z whose axes have the standard deviations 1, 2, 0.5 and 0.1; attribute a is axis 1, b axis 1 + noise, c axis 2.
local function known_examples(n)
  gl.seed(11)
  local e = gl.randn(n or 4000, 4)
  local z = e * gl.tensor {1, 2, 0.5, 0.1} + gl.tensor {5, 0, -1, 0}
  local a, c = e:select(2, 1), e:select(2, 2)
  local b = a * 0.6 + gl.randn(#z) * 0.8
  return attributes.known(z, {"a", "b", "c"}, gl.stack({a, b, c}, 2)), e
end

describe("the difference of means", function()
  it("is that of the upper and the lower half, one standard deviation long", function()
    local examples = known_examples()
    local list = attributes.means(examples)
    assert.same({"a", "b", "c"}, {list[1].name, list[2].name, list[3].name})
    local values, upper, lower, n = examples.values:select(2, 3):totable(), gl.zeros(4), gl.zeros(4), #examples.z
    local sorted = {table.unpack(values)}
    table.sort(sorted)
    for i, value in ipairs(values) do
      local half = value > (sorted[n // 2] + sorted[n // 2 + 1]) / 2 and upper or lower
      half:add_(examples.z[i] / (n / 2))
    end
    near(1, cosine(list[3].vector, upper - lower), 1e-5)
    near(2, list[3].vector:norm():item(), 0.06) -- axis 2 has this standard deviation
    local unit = list[1].vector / list[1].vector:norm()
    near(examples.z:matmul(unit:unsqueeze(2)):std():item(), list[1].vector:norm():item(), 1e-4)
  end)

  it("sets a class against the rest, and ties to one side", function()
    gl.seed(3)
    local z = gl.randn(1000, 2)
    local rare = z:select(2, 2):gt(1.2):float() -- about a tenth
    local some = z:select(2, 1):clamp(0, 9) -- half of them are 0
    local list = attributes.means(attributes.known(z, {"rare", "some"}, gl.stack({rare, some}, 2)))
    near(1, cosine(list[1].vector, gl.tensor {0, 1}), 0.02)
    near(1, cosine(list[2].vector, gl.tensor {1, 0}), 0.02)
    assert.error_matches(function() attributes.means(attributes.known(z, {"all"}, gl.ones(1000, 1))) end,
      "all is the same in all 1000 examples: it has no direction, leave it out")
  end)

  it("are by themselves those of the classes that the training images have", function()
    local space = {prior = function() end, data = {
      classes = {"a", "b", "c"}, train = {labels = gl.tensor {1, 3, 1}},
    }}
    assert.same({"a", "c"}, attributes.usual(space))
    space.conditional = 3
    assert.same({}, attributes.usual(space))
  end)

  it("of a class that is told by its probability is taken at one half", function()
    gl.seed(7)
    local z = gl.randn(4000, 4)
    local inside = z:select(2, 1):gt(1.28):float() -- a tenth; outside, small chances follow axis 2
    local chance = inside * 0.9 + (1 - inside) * (z:select(2, 2):sigmoid() * 0.01)
    local values = chance:unsqueeze(2)
    local list = attributes.means(attributes.known(z, {"7"}, values, nil, true, {true}))
    near(1, cosine(list[1].vector, gl.tensor {1, 0, 0, 0}), 0.01)
    assert.error_matches(function()
      attributes.means(attributes.known(z, {"7"}, values * 0.5, nil, true, {true}))
    end, "7 is the same in all 4000 examples")
  end)

  it("is taken within the classes of a conditional model", function()
    gl.seed(4)
    local labels = gl.tensor {1, 2}:unsqueeze(2):expand(2, 1000):reshape(2000)
    local style = gl.randn(2000)
    local offset = labels * 10 -- both z and the attribute lie elsewhere for the other class
    local z = gl.stack({style + offset, gl.randn(2000) + offset}, 2)
    local function direction(with) return attributes.means(attributes.known(z, {"a"},
      (style + offset):unsqueeze(2), with))[1].vector end
    near(1, cosine(direction(labels), gl.tensor {1, 0}), 0.01)
    assert.is_true(cosine(direction(nil), gl.tensor {1, 0}) < 0.8)
    near(1, direction(labels):norm():item(), 0.05)
  end)
end)

describe("a linear classifier's normal", function()
  it("is found whatever the axes' scales, with the accuracy on what was held out", function()
    gl.seed(5)
    local e = gl.randn(4000, 4)
    local truth = gl.tensor {1, -1, 0.5, 0}
    local logit = e:matmul(truth:unsqueeze(2)):squeeze(2)
    local mix = gl.tensor {{1, 0, 0, 0}, {3, 2, 0, 0}, {0, 0.2, 0.1, 0}, {0, 0, 0, 5}}
    local z = e:matmul(mix) -- any linear map
    local list = attributes.normals(attributes.known(z, {"a", "noise"},
      gl.stack({logit, gl.randn(4000)}, 2)), {seed = 2})
    assert.is_true(list[1].accuracy > 0.97)
    near(0.5, list[2].accuracy, 0.06)
    near(0.5, list[2].chance, 0.05)
    -- in whitened coordinates the normal is the truth: moving z by it moves e by it
    near(1, cosine(list[1].vector, truth:unsqueeze(1):matmul(mix)[1]), 0.01)
  end)

  it("depends on the seed alone, and leaves random numbers alone", function()
    local examples = known_examples(500)
    local state = {gl.rng_state()}
    local function run(seed) return attributes.normals(examples, {seed = seed})[2].vector:totable() end
    assert.same(run(1), run(1))
    assert.is_not.same(run(1), run(2))
    assert.same(state, {gl.rng_state()})
    assert.is_true(gl.core.set_recording(true))
  end)
end)

describe("conditional projection", function()
  it("leaves nothing along the others: eq. 4, and several at once", function()
    gl.seed(6)
    local z = gl.randn(200, 5)
    local examples = attributes.known(z, {"a"}, z:slice(2, 1, 1), nil, true) -- a GAN's z is white already
    local n1, n2, n3 = gl.randn(5), gl.randn(5), gl.randn(5)
    local p = attributes.project(examples, n1, {n2})
    local unit = n2 / n2:norm()
    near(1, cosine(p, n1 - unit * (n1 * unit):sum()), 1e-5)
    p = attributes.project(examples, n1, {n2, n3, n2})
    near(0, cosine(p, n2), 1e-5)
    near(0, cosine(p, n3), 1e-5)
    near(z:matmul((p / p:norm()):unsqueeze(2)):std():item(), p:norm():item(), 1e-4)
    assert.error_matches(function() attributes.project(examples, n1, {n1 * 2}) end, "nothing is left")
  end)

  it("takes out what two attributes share", function()
    local examples = known_examples()
    local list = attributes.hold(examples, attributes.means(examples), {"a"})
    assert.equal("b", list[2].name)
    near(1, cosine(list[1].vector, gl.tensor {1, 0, 0, 0}), 0.01) -- its own is left alone
    local means = attributes.means(examples)
    near(1, math.abs(cosine(means[2].vector, means[1].vector)), 0.1)
    near(0, (list[2].vector * means[1].vector):sum():item(), 0.05)
  end)
end)

-- A decoder whose two pixels are z's axes (plus a half); judges that read them off.
local Toy = nn.class "Toy"
Toy.prior = "normal"
function Toy:init(encoder)
  rawset(self, "config", {image = {1, 2, 1}})
  self.latent = 2
  if encoder then rawset(self, "encode", function(_, x) return x:flatten(2) end) end
end
function Toy.decode(_, z) return z:reshape(#z, 1, 2, 1) end

local function toy_space(encoder)
  gl.seed(8)
  local images = (gl.rand(300, 1, 2, 1) * 255):byte()
  local factors = images:float():reshape(300, 2) / 255
  local split = Split.new(images, nil, factors)
  local data = {name = "toy", shape = {1, 2, 1}, classes = {}, factor_names = {"left", "right"}, train = split,
    test = split}
  local judges = {regressor = {r2 = gl.tensor {0.9, 0.9}, measure = function(_, x) return x:flatten(2) end}}
  return latent.space(Toy(encoder), {data = data}), judges
end

describe("examples", function()
  it("are the training images of a model with an encoder, with what is known of them", function()
    local space = toy_space(true)
    local examples = attributes.examples(space, {names = {"right"}, count = 100})
    assert.same({100, 2}, examples.z.shape)
    assert.is_true((examples.z:select(2, 2) - examples.values:select(2, 1)):abs():max():item() < 1e-6)
    assert.same({"left", "right"}, (attributes.names(space)))
    assert.error_matches(function() attributes.examples(space, {names = {"up"}}) end,
      "there is no 'up'; there are left, right")
  end)

  it("of a GAN are samples that a judge measures", function()
    local space, judges = toy_space(false)
    local examples = attributes.examples(space, {judges = judges, count = 500, seed = 3})
    assert.same(examples.z:totable(), examples.values:totable())
    assert.same(attributes.examples(space, {judges = judges, count = 500, seed = 3}).z:totable(), examples.z:totable())
    near(1, cosine(attributes.means(examples)[2].vector, gl.tensor {0, 1}), 0.01)
  end)
end)

describe("attributes.find", function()
  it("takes the examples, the method and what to leave alone in one", function()
    local space = toy_space(true)
    local function same(list, found)
      assert.equal(#list, #found)
      for i, direction in ipairs(list) do
        assert.equal(direction.name, found[i].name)
        assert.same(direction.vector:totable(), found[i].vector:totable())
      end
    end
    local examples = attributes.examples(space, {names = {"left", "right"}, seed = 5})
    assert.same({"left", "right"}, attributes.usual(space))
    same(attributes.means(examples), attributes.find(space, {seed = 5}))
    same(attributes.normals(examples, {seed = 5}), attributes.find(space, {method = "normals", seed = 5}))
    same({attributes.hold(examples, attributes.means(examples), {"right"})[1]},
      attributes.find(space, {names = {"left"}, against = {"right"}, seed = 5}))
  end)
end)

describe("effects", function()
  it("are the mean changes in standard deviations of real images", function()
    local space, judges = toy_space(true)
    local tool = effects.new(space, {judges = judges, step = 0.5, images = 50})
    assert.same({"left", "right"}, tool.names)
    assert.equal(50, tool.count)
    local changes, absolute = tool:changes(gl.tensor {0.4, -0.1})
    local deviation = space.data.train.factors:std(1)
    near(0.5 * 0.4 / deviation[1]:item(), changes[1], 1e-5)
    near(-0.5 * 0.1 / deviation[2]:item(), changes[2], 1e-5)
    near(-changes[2], absolute[2], 1e-5)
    local times, other = tool:selectivity(changes, "left")
    near(changes[1] / -changes[2], times, 1e-6)
    assert.equal("right", other)
    assert.is_nil(tool:selectivity(changes, "up"))
  end)

  it("leave out what the regressor does not know", function()
    local space, judges = toy_space(true)
    judges.regressor.r2 = gl.tensor {0.1, 0.9}
    assert.same({"right"}, effects.measurable(space, judges))
    assert.same({"right"}, effects.measurable(space, judges, {"left"})) -- no class either
  end)

  it("take the classes in that are asked for, once", function()
    local space, judges = toy_space(true)
    space.data.train.labels, space.data.classes = gl.ones(#space.data.train.images), {"cat", "dog"}
    assert.same({"left", "right", "dog"}, effects.measurable(space, judges, {"dog", "left", "dog"}))
  end)

  it("are measured of a list, with the mean of how many times any other the own attribute changes", function()
    local space, judges = toy_space(true)
    local tool = effects.new(space, {judges = judges, images = 50})
    local list = {
      {vector = gl.tensor {0.2, 0.05}, attribute = "left"}, {vector = gl.tensor {0.1, 0.2}, attribute = "right"},
      {vector = gl.tensor {0.1, 0.1}},
    }
    tool:measure(list)
    assert.same({tool:changes(list[2].vector)}, {list[2].changes, list[2].absolute})
    assert.same({"right", "left"}, {list[1].other, list[2].other})
    assert.is_nil(list[3].times)
    local mean, absolute, count = tool:mean_selectivity(list)
    local deviation = space.data.train.factors:std(1)
    local ratio = deviation[2]:item() / deviation[1]:item()
    near((4 * ratio + 2 / ratio) / 2, mean, 1e-3)
    near(mean, absolute, 1e-3)
    assert.equal(2, count)
    assert.is_nil(tool:mean_selectivity {list[3]})
  end)
end)

describe("arithmetic", function()
  it("takes what lies beyond a value that most examples have for high or low", function()
    local values = gl.zeros(100, 1)
    for i = 1, 10 do values:select(1, i):copy_(gl.ones(1)) end
    local examples = attributes.known(gl.randn(100, 2), {"glasses"}, values)
    assert.equal(10, #arithmetic.evaluate(examples, "glasses=high").terms[1].members)
    assert.equal(90, #arithmetic.evaluate(examples, "glasses=low").terms[1].members)
    assert.error_matches(function() arithmetic.evaluate(examples, "hat=high") end,
      "there is no attribute 'hat', there are glasses")
  end)

  it("adds and subtracts means of groups", function()
    local z = gl.tensor {{1, 0}, {3, 0}, {0, 5}, {0, 7}, {9, 9}, {2, 2}, {4, 4}, {8, 8}}
    local values = gl.tensor {{1, 0.1}, {1, 0.9}, {0, 0.2}, {0, 0.3}, {0.9, 0.8}, {0, 0.4}, {0, 0.5}, {0, 1}}
    local examples = attributes.known(z, {"glasses", "smile"}, values)
    local function sum(text) return arithmetic.evaluate(examples, text).z:totable() end
    assert.same({3, 0}, sum "glasses=1,smile>0.85")
    assert.same({9 - 1, 9 - 0}, sum "smile=0.8,glasses>0.5,smile<0.85 - smile=low,glasses=1")
    local result = arithmetic.evaluate(examples, "smile=high - smile=low")
    assert.same({{2, 8}, {1, 3}}, {result.terms[1].members, result.terms[2].members})
    assert.same({-1, "smile=low"}, {result.terms[2].sign, result.terms[2].text})
  end)

  it("explains what it cannot read", function()
    local function message(text) return select(2, pcall(arithmetic.parse, text)) end
    assert.matches("'smile': expected groups such as smile=high, joined by", message "smile")
    assert.matches("'a=1 %-': expected groups", message "a=1 -")
    assert.matches("'': expected groups", message "")
    assert.matches("'a=big': expected a number, high or low", message "a=big")
    assert.matches("'a>high': expected a number", message "a>high")
    local examples = attributes.known(gl.randn(5, 2), {"a"}, gl.zeros(5, 1))
    assert.error_matches(function() arithmetic.evaluate(examples, "a=2") end, "none of 5 examples has a=2")
  end)
end)
