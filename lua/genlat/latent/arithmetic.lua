--- arithmetic.lua: adds and subtracts the means of groups of latent vectors that have attributes in common.
--
--   local examples = attributes.examples(space, {names = {"smile", "glasses"}})
--   local result = arithmetic.evaluate(examples, "smile=high - smile=low + glasses=1")
--   local x = space:decode(result.z)

local check = require "genlat.check"
local core = require "genlat.core"
local scope = require "genlat.scope"

local arithmetic = {}

local QUARTER = 0.25 -- the share of examples that "high" and "low" mean, at least
local EXPECTED = "expected groups such as smile=high, joined by + and - between spaces"

-- "smile=high,glasses=1" as {{name =, how = "=", "<" or ">", value =}, ...}.
local function conditions_of(text)
  local list = {}
  for part in (text .. ","):gmatch "%s*(.-)%s*," do
    local name, how, value = part:match "^(.-)%s*([=<>])%s*(.-)$"
    if not name or name == "" or value == "" then
      error(("'%s': %s"):format(part, EXPECTED), 0)
    end
    local number = tonumber(value)
    if how ~= "=" and not number or how == "=" and not number and value ~= "high" and value ~= "low" then
      error(("'%s': expected a number%s"):format(part, how == "=" and ", high or low" or ""), 0)
    end
    list[#list + 1] = {name = name, how = how, value = number or value}
  end
  return list
end

--- The terms of an expression such as "smile=high - smile=low + glasses=1": a list of {sign = 1 or -1, text =,
-- conditions = {{name =, how =, value =}, ...}}, and the names of all attributes in it. Raises where it is none.
function arithmetic.parse(expression)
  check.arguments("arithmetic.parse", "expression:text", expression)
  local terms, names, seen = {}, {}, {}
  local sign, rest = 1, expression .. " + "
  while rest ~= "" do
    local text, operator, after = rest:match "^%s*(.-)%s+([+-])%s+(.*)$"
    if not text or text == "" then error(("'%s': %s"):format(expression, EXPECTED), 0) end
    local conditions = conditions_of(text)
    terms[#terms + 1] = {sign = sign, text = text, conditions = conditions}
    for _, condition in ipairs(conditions) do
      if not seen[condition.name] then names[#names + 1], seen[condition.name] = condition.name, true end
    end
    sign, rest = operator == "+" and 1 or -1, after
  end
  return terms, names
end

-- A function that says whether a value is in the group, for values of that spread.
local function test_of(condition, sorted, deviation)
  local value, n = condition.value, #sorted
  if condition.how == "<" then return function(v) return v < value end end
  if condition.how == ">" then return function(v) return v > value end end
  local quarter = math.max(1, math.floor(n * QUARTER))
  if value == "high" then -- where more than three quarters are equal, those beyond them
    local from, least = sorted[n - quarter + 1], sorted[1]
    return function(v) return v >= from and v > least end
  elseif value == "low" then
    local to, most = sorted[quarter], sorted[n]
    return function(v) return v <= to and v < most end
  end
  return function(v) return math.abs(v - value) <= deviation / 2 end
end

-- The numbers of the examples that meet all conditions: a list.
local function members(examples, term)
  local inside = {}
  for _, condition in ipairs(term.conditions) do
    local column
    for i, name in ipairs(examples.names) do
      if name == condition.name then column = examples.values:select(2, i) end
    end
    if not column then
      error(("there is no attribute '%s', there are %s"):format(condition.name, table.concat(examples.names, ", ")), 0)
    end
    local values = column:totable()
    local sorted = table.move(values, 1, #values, 1, {})
    table.sort(sorted)
    local test = test_of(condition, sorted, column:std():item())
    for i, value in ipairs(values) do inside[i] = inside[i] ~= false and test(value) end
  end
  local list = {}
  for i, is in ipairs(inside) do
    if is then list[#list + 1] = i end
  end
  return list
end

--- Vector arithmetic on the means of groups (Radford, Metz & Chintala 2016, sec. 6.3.2, with as many samples a group as
-- there are): expression says which, such as "smile=high - smile=low + glasses=1". A group is one or more conditions,
-- joined by commas: NAME=high, NAME=low (the quarter of the examples that has most or least of it, or where more are
-- equal, those that have more or less than these), NAME=NUMBER (within
-- half a standard deviation of it), NAME>NUMBER, NAME<NUMBER; a class is 1 or 0. Returns
--   z      latent: the sum           terms   a list of {sign =, text =, z = the group's mean, members = their numbers}
-- For a conditional model means are of z less its class' mean. Raises where a group is empty.
function arithmetic.evaluate(examples, expression)
  check.arguments("arithmetic.evaluate", "examples:table expression:text", examples, expression)
  local terms = arithmetic.parse(expression)
  return scope.run({recording = false}, function()
    local from = examples.labels and examples.centred or examples.z
    local sum = core.zeros(from:size(2))
    for _, term in ipairs(terms) do
      term.members = members(examples, term)
      if #term.members == 0 then
        error(("none of %d examples has %s"):format(#examples.z, term.text), 0)
      end
      term.z = from:index_select(core.tensor(term.members)):mean(1)
      sum = sum + term.z * term.sign
    end
    return {z = sum, terms = terms}
  end)
end

return arithmetic
