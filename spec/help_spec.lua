-- What gl.help says: of everything there is something, and its examples run.

local gl = require "genlat"
local core = require "genlat.core"
local binding = require "genlat.help.binding"
local comments = require "genlat.help.comments"
local examples = require "genlat.help.examples"
local help = require "genlat.help"
local index = require "genlat.help.index"
local pages = require "genlat.help.pages"
local signature = require "genlat.help.signature"
local folder = require "spec.io.folder"

-- Asserts that a text has each of the strings that follow.
local function has(text, ...)
  for _, part in ipairs {...} do
    assert(text:find(part, 1, true), ("'%s' is not in:\n%s"):format(part, text))
  end
end

local function is_tensor(value) return type(value) == "userdata" and getmetatable(value).__name == "genlat.Tensor" end

-- A text in one line: where it is broken depends on the terminal.
local function line(text) return (text:gsub("%s+", " ")) end

describe("gl.help", function()
  it("prints what help.text returns, and returns nothing", function()
    local printed, before = {}, io.write
    io.write = function(...) printed[#printed + 1] = table.concat {...} end -- luacheck: ignore
    local ok, count = pcall(function() return select("#", gl.help(gl.exp)) end)
    io.write = before -- luacheck: ignore
    assert.is_true(ok)
    assert.equal(0, count)
    assert.same({help.text(gl.exp) .. "\n"}, printed)
  end)

  it("says where to begin, and names all parts", function()
    local text = help.text()
    has(text, "genlat " .. gl.info().version, "gl.data.load", "gl.show", "gl.load", "gl.help(")
    for _, part in ipairs {"data", "latent", "metrics", "models", "nn", "optim", "plot", "train", "ops"} do
      assert.is_truthy(text:find("\n  gl%." .. part .. " +%S"), part)
    end
    for name in pairs(binding.functions) do has(line(text), name) end
    assert.equal(text, help.text(gl))
    assert.equal(text, help.text "gl")
  end)

  it("leaves the random numbers as they are", function()
    gl.seed(7)
    help.text(gl.dropout)
    help.text(gl.nn.Linear)
    help.text "randn"
    assert.same({7, 0}, {gl.rng_state()})
  end)

  it("breaks what is text to the terminal's width", function()
    local width = require("genlat.terminal").width
    for _, columns in ipairs {60, 100} do
      require("genlat.terminal").width = function() return columns end
      local longest = 0
      for _, thing in ipairs {gl.ops.conv2d, gl.nn.Conv2d, gl.optim.Adam, gl.zeros, gl.latent.slerp} do
        for l in help.text(thing):gmatch "[^\n]+" do
          if not l:find "^  " and not l:find "^Defined" then longest = math.max(longest, #l) end
        end
      end
      assert(longest <= columns and longest > columns - 10, longest)
    end
    require("genlat.terminal").width = width
  end)
end)

describe("examples", function()
  it("of all ops run, and their texts say each parameter", function()
    for _, row in ipairs(core.op_table) do
      local code = examples.op(row)
      assert(code:find("^gl%." .. row.name .. "%("), code)
      local ok, result = pcall(pages.run, code)
      assert(ok, code .. ": " .. tostring(result))
      assert(is_tensor(result), code)
      local text = help.text(gl[row.name])
      has(text, "  > " .. code .. "\n  ")
      has(line(text), line(row.doc), "gl." .. row.name .. "(")
      for _, p in ipairs(signature.parse(row.signature)) do has(text, "\n  " .. p.name) end
      assert.equal(text, help.text(row))
      assert.equal(text, help.text("gl." .. row.name))
    end
  end)

  it("of all layers run", function()
    for _, row in ipairs(core.layer_table()) do
      local code = examples.layer(row)
      local ok, result = pcall(pages.run, code)
      assert(ok, code .. ": " .. tostring(result))
      assert(is_tensor(result), code)
      local text = help.text(gl.nn[row.name])
      has(text, "  > " .. code .. "\n  ", "gl.nn." .. row.name .. "(")
      has(line(text), line(row.doc))
      assert.equal(text, help.text(row))
    end
  end)

  it("of all optimizers run, and take steps", function()
    for name, row in pairs(gl.optim.kinds) do
      assert.equal(10, pages.run(examples.optimizer(row)).steps)
      local text = help.text(gl.optim[name])
      has(text, "gl.optim." .. name .. "(", "  > optimizer = gl.optim." .. name, "\n  lr ")
      assert.equal(text, help.text(row))
    end
  end)

  it("of all kinds of models run", function()
    for kind in pairs(gl.models.kinds) do
      assert.is_true(gl.nn.is_module(pages.run(examples.model(kind))))
      has(help.text(gl.models[kind]), "gl.models." .. kind .. "(config)", "\nconfig: ", "  > " .. examples.model(kind))
    end
  end)

  it("of all that is C and no op run", function()
    local place = folder.new()
    local function here(code) return (code:gsub('"([%w_.-]*[-.][%w_.-]*)"', ('"%s/%%1"'):format(place.name))) end
    for _, kind in ipairs {"write", "read", ""} do -- what is read was written before
      for name, row in pairs(binding.functions) do
        if name:find("^" .. kind) and (kind == "") == not row.files then
          local ok, result, message = pcall(pages.run, row.files and here(row.example) or row.example)
          assert(ok, name .. ": " .. tostring(result))
          assert(not row.files or result, message)
          has(help.text(gl[name]), "gl." .. name .. "(" .. row.call .. ")", "> ")
        end
      end
    end
    place:remove()
    for name, row in pairs(binding.methods) do
      assert(pages.run(row.example) ~= nil, name)
      has(help.text(core.tensor_methods[name]), "x:" .. name .. "(" .. row.call .. ")")
    end
    assert.same({2, 2}, pages.run(binding.methods.backward.example):totable())
  end)

  it("do not change the prompt's variables", function()
    x = nil -- luacheck: ignore
    pages.run(binding.methods.backward.example)
    assert.is_nil(x) -- luacheck: ignore
  end)
end)

describe("everything public", function()
  it("that is C is described", function()
    for name, value in pairs(gl) do
      if type(value) == "function" and debug.getinfo(value, "S").what == "C" then
        assert(gl.ops[name] or binding.functions[name], name)
      end
    end
    for name in pairs(core.tensor_methods) do
      assert(gl.ops[name] or binding.methods[name] or name == "t", name)
    end
  end)

  it("that is Lua has a comment", function()
    local without = {}
    for _, entry in ipairs(index.entries()) do
      local known = type(entry.value) == "function" and comments.of(entry.value)
      if known and not known.text then without[#without + 1] = entry.path end
    end
    assert.same({}, without)
  end)

  it("has a page without an error, and one that says its name", function()
    for _, entry in ipairs(index.entries()) do
      local ok, text = pcall(help.text, entry.path)
      assert(ok, entry.path .. ": " .. tostring(text))
      has(text, entry.name)
    end
  end)

  it("is found by its shortest path first", function()
    for name, path in pairs {
      slerp = "gl.latent.slerp(", ["latent.slerp"] = "gl.latent.slerp(", ["gl.latent.slerp()"] = "gl.latent.slerp(",
      ["space:decode"] = "space:decode(", decode = "space:decode(", load = "gl.load(", ["data.load"] = "gl.data.load(",
      linear = "gl.linear(", Linear = "gl.nn.Linear(", adam = "gl.optim.Adam(", item = "x:item(",
      ["split:batches"] = "split:batches(", grid = "gl.latent.grid(", latent = "gl.latent\n",
      whole = "gl.train.options",
      ["plot.images"] = "gl.plot.images\n", Sequential = "gl.nn.Sequential(...)   a class", t = "x:t()",
    } do
      local text = help.text(name)
      assert(text:sub(1, #path) == path, name .. ": " .. text)
    end
    has(help.text "grid", "\nAlso\n", "gl.plot.images.grid(x, options)")
    assert.is_nil(help.text("slerp"):find "\nAlso")
  end)

  it("is what a wrong name is compared with", function()
    assert.equal("genlat has nothing called 'slrep'. Did you mean slerp?", help.text "slrep")
    has(help.text "latent.slrep", "Did you mean slerp?")
    assert.equal("genlat has nothing called 'qqqqqq'; gl.help() says what there is", help.text "qqqqqq")
    has(help.text "conv2", "Did you mean conv2d")
  end)
end)

describe("help of values", function()
  it("says what tensors can do", function()
    local text = help.text(gl.zeros(2, 3, {requires_grad = true}))
    assert.is_truthy(text:find "^tensor 2x3 float32, requires grad\n")
    for _, row in ipairs(core.op_table) do assert(line(text):find("[ ,]" .. row.name .. "[ ,]"), row.name) end
    for name in pairs(binding.methods) do has(text, "\n  " .. name .. "(") end
    for _, field in ipairs(binding.fields) do has(text, "\n  " .. field[1] .. " ") end
    assert.is_truthy(help.text(gl.tensor(3)):find "^tensor: the number 3\n")
  end)

  it("knows the fields of tensors", function()
    local x = gl.ones(1, {requires_grad = true})
    x:sum():backward()
    for _, field in ipairs(binding.fields) do assert.is_not_nil(x[field[1]]) end
  end)

  it("says what layers, models and optimizers are", function()
    local layer = gl.nn.Linear(3, 4)
    assert.equal(tostring(layer) .. "\n\n" .. help.text(gl.nn.Linear), help.text(layer))
    local model = gl.models.vae {image = {4, 4, 1}, hidden = {5}, latent = 2}
    local text = help.text(model)
    assert.equal(tostring(model), text:sub(1, #tostring(model)))
    has(text, "Kingma & Welling 2014", "\nMethods\n", "  encode(x) ", "\nMethods of all modules\n", "  state_dict()")
    assert.is_nil(text:find("  init(", 1, true))
    local optimizer = gl.optim.SGD(layer)
    assert.equal(tostring(optimizer) .. "\n\n" .. help.text(gl.optim.SGD), help.text(optimizer))
    has(help.text(gl.optim.StepLR(optimizer, {step_size = 3})), "StepLR: 0 steps", "  step() ", "  set(steps) ")
  end)

  it("says what data sets, splits, spaces and directions are", function()
    local set = gl.data.load("digits", {train = 3, test = 2})
    has(help.text(set), tostring(set), "Fields: ", "train: " .. tostring(set.train), "test: " .. tostring(set.test))
    has(help.text(set.train), tostring(set.train), "  batches(options) ", "  head(n) ")
    local space = gl.latent.space(gl.models.vae {image = {4, 4, 1}, hidden = {5}, latent = 2})
    has(help.text(space), tostring(space), "Fields:", "  decode(z, labels) ", "  prior(n, options) ")
    assert.is_nil(help.text(space):find("  new(", 1, true))
    has(help.text(space.directions), "no directions", "  vector(name) ")
  end)

  it("says what parts have", function()
    local text = help.text(gl.optim)
    has(text, "gl.optim\n\noptimizers, gradient clipping", "  Adam(model, settings) ", "  clip_grad_norm(model, max) ")
    has(help.text(gl.models), "  vae(config) ")
    has(help.text(gl.nn), "  ReLU() ", "  Sequential(...) ")
    has(line(help.text(gl.ops)), "gl.ops: abs, ")
    has(help.text(core), "what is for everybody is in gl itself")
    for _, entry in ipairs(index.entries()) do
      if entry.path:find "^gl%.[%w_]+%.[%w_]+$" and type(entry.value) == "function" then
        has(help.text(gl[entry.path:match "^gl%.([%w_]+)"]), "  " .. entry.name .. "(")
      end
    end
  end)

  it("says what else things are", function()
    assert.equal("3: a Lua number; gl.help() says what genlat has", help.text(3))
    assert.equal("nil: there is nothing of that name; gl.help() says what genlat has", help.text(gl.none))
    assert.equal("a Lua table; gl.help() says what genlat has", help.text {})
    assert.equal("a function: a function without documentation", help.text(print))
    has(help.text(function(a, ...) return a, ... end), "function(a, ...)\n\nIt has no documentation.\n\nDefined in ",
      "help_spec.lua, line ")
    has(help.text(gl.info()), "version: ")
  end)
end)

describe("comments", function()
  local place = folder.new()
  local path = place:write("some.lua", [[
--- some.lua: does a thing. And another.
--
--   local some = require "some"
--   some.first(3)
local some = {}

-- not this one -----------------------------------------------------------------------

--- First of Kent et al. 2019, sec. 3: a `thing`. Then
-- more.
--   example(1)
function some.first(a, b, ...) return a, b, ... end

function some.second() end
--- Third: of a kind
function some:third(x) return self, x end

-- A rule ends a comment: ----------------------------------------------------------------
-- fourth
local fourth = function() end
some.fourth = fourth

return some
]])
  local some = dofile(path)
  teardown(function() place:remove() end)

  it("stand above functions", function()
    local known = comments.of(some.first)
    assert.same({"First of Kent et al. 2019, sec. 3: a `thing`. Then", "more.", "  example(1)"}, known.text)
    assert.same({"(a, b, ...)", false, path, 12}, {known.call, known.method, known.path, known.line})
    assert.is_nil(comments.of(some.second).text)
    known = comments.of(some.third)
    assert.same({"(x)", true, {"Third: of a kind"}}, {known.call, known.method, known.text})
    assert.same({"fourth"}, comments.of(some.fourth).text)
    assert.is_nil(comments.of(print))
    assert.is_nil(comments.of(load "return 1"))
  end)

  it("stand at the beginning of files, and show how functions are used", function()
    local head = {"does a thing. And another.", "", '  local some = require "some"', "  some.first(3)"}
    assert.same(head, comments.head(path))
    assert.is_nil(comments.head(place:path "none.lua"))
    assert.is_nil(comments.head(nil))
    assert.same({}, comments.uses(comments.of(some.first), "first")) -- its own comment shows it
    assert.same({"  some.first(3)"}, comments.uses(comments.of(some.second), "first"))
  end)

  it("have a first sentence", function()
    local function first(...) return comments.first_sentence {...} end
    assert.equal("First of Kent et al. 2019, sec. 3: a `thing`", comments.first_sentence(comments.of(some.first).text))
    assert.equal("One and two", first("One", "and two.", "", "Three."))
    assert.equal("", comments.first_sentence(nil))
    assert.equal("List", first("List:", "  a", "  b"))
    local long = ("word, "):rep(30)
    assert.equal(("word, "):rep(14) .. "word ...", first(long))
  end)
end)

describe("signatures in words", function()
  it("say what each parameter takes", function()
    local parameters = signature.parse("x:T bias:T? tensors:T* axis:L? axes:L kernel:L stride:L=1 p:F=0.5 least:F=-inf "
      .. "pair:P=0.9,0.999 n:I keepdim:B=false how:W=batch|sum|none")
    assert.same({
      "  x        tensor", "  bias     tensor; may be left out", "  tensors  list of tensors",
      "  axis     an axis or a list of axes, from 1; -1 is the last; may be left out",
      "  axes     list of axes, from 1",
      "  kernel   whole number, or {down, across}", "  stride   whole number, or {down, across} (1)",
      "  p        number (0.5)", "  least    number (-math.huge)", "  pair     two numbers ({0.9, 0.999})",
      "  n        whole number", "  keepdim  true or false (false)", '  how      "batch", "sum" or "none" ("batch")',
    }, signature.lines(parameters))
    assert.equal("[bias], tensors, [axis], axes, kernel, stride = 1, p = 0.5, least = -math.huge, "
      .. 'pair = {0.9, 0.999}, n, keepdim = false, how = "batch"', signature.call(parameters, 2))
    assert.same({}, signature.parse "")
  end)
end)
