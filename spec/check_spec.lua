-- check.lua: one way to refuse.
local gl = require "genlat"
local check = require "genlat.check"

local nan, inf = 0 / 0, 1 / 0

-- The message of a refusal, without the place before it.
local function refusal(...)
  local ok, message = pcall(...)
  assert.is_false(ok)
  local place, rest = message:match "^([%w%./_]+:%d+): (.*)$"
  return rest, place
end

local function problem(value, rule)
  return (refusal(function() check.value("f: x", value, rule) end))
end

describe("a rule", function()
  it("for whole numbers takes floats with a whole value, and nothing else", function()
    local rule = check.whole(1)
    for _, value in ipairs {1, 5, 5.0, 1e3, 1 << 53} do
      local read = check.value("f: x", value, rule)
      assert.equal(value, read)
      assert.equal("integer", math.type(read))
    end
    for value, text in pairs {[0] = "0", [-1] = "-1", [2.5] = "2.5", [inf] = "inf", ["5"] = "'5'", [true] = "true",
      [(1 << 53) + 1] = "9007199254740993", [1e300] = "1e+300", [math.mininteger] = "-9223372036854775808"} do
      assert.equal("f: x is a whole number from 1, not " .. text, problem(value, rule))
    end
    assert.equal("f: x is a whole number from 1, not nothing", problem(nil, rule))
    assert.equal("f: x is a whole number from 1, not nan", problem(nan, rule))
    assert.equal("f: x is a whole number from 1, not a tensor of 2x3", problem(gl.zeros(2, 3), rule))
    assert.equal("f: x is a whole number from 2 to 4, not 5", problem(5, check.whole(2, 4)))
    assert.equal("f: x is a whole number up to 4, not 5", problem(5, check.whole(nil, 4)))
    assert.equal("f: x is a whole number, not an empty table", problem({}, check.whole()))
  end)

  it("for numbers takes finite ones within its limits", function()
    assert.equal(0.5, check.value("f: x", 0.5, check.number {above = 0}))
    assert.equal("f: x is a number above 0, not 0", problem(0, check.number {above = 0}))
    assert.equal("f: x is a number above 0 and below 1, not 1", problem(1, check.number {above = 0, below = 1}))
    assert.equal("f: x is a number from 0, not -1", problem(-1, check.number {least = 0}))
    assert.equal("f: x is a number from 0 to 1, not 1.5", problem(1.5, check.number {least = 0, most = 1}))
    for _, value in ipairs {inf, -inf, nan} do problem(value, check.number()) end
    assert.equal("f: x is a number, not '1'", problem("1", check.number()))
  end)

  it("for lists reads each element", function()
    local sizes = check.list(check.whole(1), {least = 1, most = 3})
    local given = {2.0, 3}
    local read = check.value("f: x", given, sizes)
    assert.same({2, 3}, read)
    assert.not_equal(given, read)
    local says = "a list of 1 to 3, each a whole number from 1"
    assert.equal(("f: x is %s, not an empty table"):format(says), problem({}, sizes))
    assert.equal(("f: x is %s, not a list of 4"):format(says), problem({1, 2, 3, 4}, sizes))
    assert.equal(("f: x is %s, not a table"):format(says), problem({1, a = 2}, sizes))
    assert.equal(("f: x is %s, not 3"):format(says), problem(3, sizes))
    assert.equal("f: x[2] is a whole number from 1, not 0.5", problem({1, 0.5}, sizes))
    assert.equal("f: x[1][2] is a number, not 'y'", problem({{1, "y"}}, check.list(check.list(check.number()))))
  end)

  it("for words, tensors, functions, flags and choices says what they are", function()
    assert.equal("f: x is a or b, not 'c\\n'", problem("c\n", check.word {"a", "b"}))
    assert.equal("f: x is a tensor of 2x3, not a tensor of 3x2", problem(gl.zeros(3, 2), check.tensor {2, 3}))
    assert.equal("f: x is a tensor, not an empty table", problem({}, check.tensor()))
    assert.equal("f: x is a function, not 1", problem(1, check.callable))
    assert.equal("f: x is true or false, not 1", problem(1, check.flag))
    assert.equal(false, check.value("f: x", false, check.flag))
    assert.equal("f: x is a whole number from 1 or true or false, not 'no'",
      problem("no", check.either(check.whole(1), check.flag)))
    assert.equal(2, check.value("f: x", 2.0, check.either(check.whole(1), check.flag)))
    assert.is_nil(check.value("f: x", nil, check.optional(check.flag)))
    local long = problem(("y"):rep(1000), check.flag)
    assert.is_true(#long < 100)
  end)
end)

describe("options", function()
  local rules = {size = {check.whole(1), 500}, seed = {check.seed}, shuffle = {check.flag, true}}

  it("are read with their defaults, into a table of their own", function()
    assert.same({size = 500, shuffle = true}, check.options("f", nil, rules))
    local given = {size = 5.0, shuffle = false}
    assert.same({size = 5, shuffle = false}, check.options("f", given, rules))
    assert.same({size = 5.0, shuffle = false}, given)
  end)

  it("that are not known are refused with the nearest name, at the user's line", function()
    local message, place = refusal(function() check.options("f", {sise = 3}, rules) end)
    assert.equal("f: there is no option 'sise'; there are seed, shuffle, size; did you mean 'size'?", message)
    assert.is_truthy(place:find "check_spec.lua:%d+$")
    assert.equal("f: the options are a table, not 'size'",
      (refusal(function() check.options("f", "size", rules) end)))
    assert.equal("f: there is no option '1'; there are seed, shuffle, size",
      (refusal(function() check.options("f", {3}, rules) end)))
    assert.equal("f: size is a whole number from 1, not 'x'",
      (refusal(function() check.options("f", {size = "x"}, rules) end)))
  end)
end)

describe("words of a command line", function()
  it("are numbers in decimal", function()
    local whole, number = check.whole(0), check.number()
    for word, value in pairs {["5"] = 5, ["5.0"] = 5, ["1e3"] = 1000, ["007"] = 7, ["+3"] = 3, ["0"] = 0} do
      assert.equal(value, check.parse(word, whole))
    end
    for _, word in ipairs {"", " 5", "5 ", "0x10", "1e400", "nan", "inf", "-1", "2.5", "five", "5,", "1_000", "1e",
      "--5", "9007199254740993", "1.2.3", "5\n", "٣"} do
      local value, message = check.parse(word, whole)
      assert.is_nil(value, word)
      assert.equal(("'%s' is not a whole number from 0"):format(require("genlat.text").shown(word)), message)
    end
    for word, value in pairs {["-.5"] = -0.5, ["1e-3"] = 1e-3, ["2."] = 2, ["1E5"] = 1e5} do
      assert.equal(value, check.parse(word, number))
    end
    for _, word in ipairs {"1e400", "-1e999", "nan", "inf", "0x1p4", "1e5.5", ".", "e5", "-"} do
      assert.is_nil(check.parse(word, number), word)
    end
  end)

  it("are lists without empty places", function()
    local sizes = check.list(check.whole(1), {least = 1})
    assert.same({512, 256}, check.parse("512,256", sizes))
    assert.same({5}, check.parse("5", sizes))
    assert.same({5, 6}, check.parse("5, 6", sizes))
    for _, word in ipairs {"", ",", "5,", ",5", "5,,5", "5 5", "5,x", "5;6"} do
      assert.is_nil(check.parse(word, sizes), word)
    end
  end)
end)

describe("what a file brought", function()
  local state = check.record {epoch = check.whole(1), rng = check.list(check.text, {count = 2}),
    options = check.record {data = check.text, size = check.optional(check.whole(8))}}

  it("is read, or refused in one line with path and field", function()
    local good = {epoch = 1, rng = {"1", "2"}, options = {data = "digits"}, more = 1}
    assert.equal(good, check.schema("F", "state", good, state))
    local function of(value) return select(2, check.schema("F\27", "state", value, state)) end
    assert.equal("F\\x1B: state is a table, not 'x'", of "x")
    assert.equal("F\\x1B: state.epoch is a whole number from 1, not nothing", of {})
    assert.equal("F\\x1B: state.options.size is a whole number from 8 or nothing, not '\\x1B'",
      of {epoch = 1, rng = {"1", "2"}, options = {data = "x", size = "\27"}})
    assert.equal("F\\x1B: state.rng[2] is a text, not 3", of {epoch = 1, rng = {"1", 3}, options = {data = "digits"}})
    local _, message = check.schema("F", "notes", {["a\n"] = 1}, check.map(check.text))
    assert.equal("F: notes.a\\n is a text, not 1", message)
  end)
end)
