-- A program that uses genlat may have set a locale in which numbers have a comma and words another order: genlat reads
-- and writes the same bytes as in any other, and leaves the program's setting as it is.

local gl = require "genlat"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local text = require "genlat.text"
local folder = require "spec.io.folder"

-- The name of a locale with decimal commas that this system has.
local function find_locale()
  for _, language in ipairs {"de_DE", "fr_FR", "es_ES", "it_IT", "ru_RU", "pl_PL", "nl_NL", "pt_BR"} do
    for _, encoding in ipairs {".UTF-8", ".utf8", ""} do
      local name = language .. encoding
      local found = os.setlocale(name) and ("%.1f"):format(0.5) == "0,5"
      os.setlocale "C"
      if found then return name end
    end
  end
end

local locale = find_locale()

-- f's results where the locale has commas.
local function with_commas(f, ...)
  assert(os.setlocale(locale))
  local results = table.pack(pcall(f, ...))
  local after, shown = os.setlocale(), ("%.1f"):format(0.5)
  os.setlocale "C"
  assert.same({locale, "0,5"}, {after, shown})
  assert(results[1], results[2])
  return table.unpack(results, 2, results.n)
end

-- Fails unless f gives the same in both.
local function same(f) assert.same(f(), with_commas(f)) end

describe("where the locale has decimal commas", function()
  if not locale then
    pending "this system has no locale with decimal commas: make one with localedef"
    return
  end

  local place
  setup(function() place = folder.new() end)
  teardown(function() place:remove() end)

  it("plain calls a function where there are points, and passes results and errors on", function()
    local function number() return tostring(0.5), ("%g"):format(2.5), tonumber "1.5", nil end
    assert.same(table.pack("0.5", "2.5", 1.5, nil), table.pack(with_commas(gl.core.plain, number)))
    local ok, problem = with_commas(pcall, gl.core.plain, function() error({tostring(0.5)}) end)
    assert.same({false, {"0.5"}}, {ok, problem})
    assert.equal("0.5", with_commas(text.format, "%.1f", 0.5))
    assert.equal("x: 0.5", with_commas(text.message, "%s: %s", "x", 0.5))
    local words = {"ä", "b", "A", "a", "B"}
    with_commas(text.sort, words)
    assert.same({"A", "B", "a", "b", "ä"}, words)
    assert.has_error(function() gl.core.plain() end)
  end)

  it("the defaults of operations and layers are what they are", function()
    same(function()
      local norm = gl.nn.BatchNorm(2)
      return {
        gl.leaky_relu(gl.tensor {-1}):item(), gl.nn.Dropout().p, norm.eps, norm.momentum,
        gl.optim.AdamW({gl.zeros(1)}).betas, gl.optim.AdamW({gl.zeros(1)}).weight_decay,
      }
    end)
  end)

  it("tensors, modules, optimizers and messages have points", function()
    same(function()
      local optimizer = gl.optim.Adam({gl.zeros(1)}, {lr = 0.25})
      local _, problem = pcall(gl.nn.Dropout, 1.5)
      local _, mistake = pcall(gl.models.vae, {latent = 2.5})
      return {
        tostring(gl.tensor {0.5, 1e-7}), tostring(gl.ones(9, 9, 3, 40) / 4), tostring(gl.nn.Dropout(0.25)),
        tostring(gl.nn.Dropout()), tostring(optimizer), tostring(gl.optim.StepLR(optimizer, {step_size = 1})),
        (problem:gsub("^%S+ ", "")), (mistake:gsub("^%S+ ", "")),
      }
    end)
  end)

  it("JSON is written and read, whenever cjson was loaded", function()
    local value = {a = 0.5, b = {1e-3, -2.25, 3}, B = 1 / 3}
    same(function() return json.encode(value) end)
    same(function() return json.decode '{"a": 0.5, "b": [1e-3, -2.25, 3.0]}' end)
    local cjson = require "cjson.safe" -- the program's own, which must work where it did
    with_commas(json.decode, "1.5")
    assert.equal(0.5, cjson.decode "0.5")
    with_commas(function()
      cjson.new()
      assert.equal(1.5, json.decode "1.5")
      assert.equal(0.5, cjson.decode "0.5")
    end)
    assert.equal(1.5, json.decode "1.5")
  end)

  it("a model is saved with the same bytes, and loaded with the same numbers", function()
    gl.seed(3)
    local model = gl.models.vae {image = {4, 4, 1}, hidden = {3}, latent = 2, beta = 0.25}
    local files = {}
    for i, call in ipairs {function(f) return f() end, with_commas} do
      local path = place:path("model" .. i)
      assert(call(function() return gl.models.save(path, model, {share = 0.125}) end))
      files[i] = place:read("model" .. i)
    end
    assert.equal(files[1], files[2])
    local loaded, notes = with_commas(gl.models.load, place:path "model1")
    assert.same({0.25, 0.125}, {loaded.config.beta, notes.share})
  end)

  it("names are in one order: tensors in files, parameters, files in folders", function()
    same(function()
      local tensors = {["b.10"] = gl.ones(1), ["B.2"] = gl.zeros(1), ["a_b"] = gl.ones(1), ["ab"] = gl.zeros(1)}
      assert(safetensors.save(place:path "order", tensors, {["ä"] = "1", z = "2", Z = "3"}))
      local net = gl.nn.Module.class "Net"()
      net.parts = {b = gl.nn.Linear(1, 1), A = gl.nn.Linear(1, 1), a = gl.nn.Linear(1, 1)}
      local names = {}
      for _, entry in ipairs(net:named_parameters()) do names[#names + 1] = entry[1] end
      return {place:read "order", names}
    end)
  end)

  it("pictures and pages have the same bytes", function()
    same(function()
      local x, y = {}, {}
      for i = 1, 20 do x[i], y[i] = i / 7, math.sin(i) * 1e-3 end
      return {
        gl.plot.lines.svg {title = "t", series = {{name = "a", x = x, y = y}}},
        gl.plot.scatter.svg {title = "t", x = x, y = y},
        gl.plot.matrix.svg {
          title = "t", columns = {"a", "b"}, rows = {{name = "r", values = {0.5, -0.25}}},
        },
        assert(require("genlat.report").html {
          title = "t", headline = {name = "loss", value = 151.25, unit = "nats", parts = {{"KL", 0.5}}},
          facts = {{"rate", text.format("%g", 0.5)}}, table = {title = "s", columns = {"a"}, rows = {{"0.5"}}},
        }),
      }
    end)
  end)
end)
