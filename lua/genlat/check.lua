--- check.lua: one way to refuse: what users give to functions and on command lines, and what files bring.
--
--   local o = check.options("tsne", options, {steps = {check.whole(1), 1000}, progress = {check.callable}})
--   size = check.value("pad: size", size, check.whole(1))
--   state, message = check.schema(path, "state", state, check.record {epoch = check.whole(1), options = check.table})
--
-- A rule says what a value has to be ("a whole number from 1") and reads it. Rules are the same everywhere:
--   - a whole number is one up to 2^53 in size, exact in every format; a float with a whole value (5.0) is taken as it
--   - a number is finite
--   - a text is not a number: "5" is refused, but on a command line, where numbers are in decimal (5, 2.5, 1e-3), and
--     lists have commas between their elements
--   - names that are not known are refused, with the nearest known one
-- Messages name the place, the rule and what came: "tsne: steps is a whole number from 1, not 2.5", and on a command
-- line "--steps: '2.5' is not a whole number from 1".

local core = require "genlat.core"
local json = require "genlat.json"
local text = require "genlat.text"

local check = {}

local LARGEST = 1 << 53 -- of whole numbers: what JSON, floats and Lua's integers all hold
local COUNT = 1 << 24 -- the most of things that are made one by one
local SHOWN = 40 -- bytes of a text that a message quotes

--- Is a value a tensor?
function check.is_tensor(value) return type(value) == "userdata" and core.kind_of(value) == "genlat.Tensor" end

local is_tensor = check.is_tensor

-- The number of elements where a table is a list and nothing else; nil otherwise.
local function length_of_list(value)
  if type(value) ~= "table" then return nil end
  local n = 0
  for _ in next, value do n = n + 1 end
  for i = 1, n do
    if rawget(value, i) == nil then return nil end
  end
  return n
end

-- A word where another one was wanted, which is shown without quotes where it is plain.
local Word = {}

local function as_word(value)
  return value:find "^[%w_%-]+$" and setmetatable({word = value}, Word) or value
end

-- How a value that does not fit is named.
local function shown(value)
  local kind = math.type(value)
  if value ~= value then return "nan" end -- whose sign says nothing
  if kind == "float" then return text.format("%.14g", value) end
  if kind or type(value) == "boolean" then return tostring(value) end
  if value == nil then return "nothing" end
  if value == json.null then return "null" end
  if type(value) == "string" then
    return text.message("'%s'", #value > SHOWN and value:sub(1, SHOWN) .. "..." or value)
  end
  if getmetatable(value) == Word then return text.shown(value.word) end
  if is_tensor(value) then return ("a tensor of %s"):format(table.concat(value.shape, "x")) end
  local n = length_of_list(value)
  return n and n > 0 and ("a list of %d"):format(n) or n and "an empty table" or "a " .. type(value)
end

--- pcall, whose message has no place where the mistake was the caller's: for what goes on to say where it came from.
function check.try(f, ...)
  local where = core.users_line()
  local results = table.pack(pcall(f, ...))
  local message = results[2]
  if not results[1] and type(message) == "string" and message:sub(1, #where) == where then
    results[2] = message:sub(#where + 1)
  end
  return table.unpack(results, 1, results.n)
end

--- Raises a mistake of the user's at the user's line, whatever genlat functions lie between. The arguments are
-- text.message's.
function check.fail(format, ...) core.error(text.message(format, ...)) end

-- Rules ---------------------------------------------------------------------------------------------------------------
-- A rule is {says =, read =, parse =}: what a value has to be in words; a function of a value that returns true and the
-- value to use, or false and, where a part of it is wrong, the part's place (".epoch", "[2]"), its rule's words and the
-- part; and a function of a word on a command line that returns the value it stands for, or nil.

local function rule(says, read, parse) return {says = says, read = read, parse = parse} end

-- "a whole number" and its limits
local function with_limits(what, least, most)
  if least and most then return ("%s from %s to %s"):format(what, shown(least), shown(most)) end
  if least then return ("%s from %s"):format(what, shown(least)) end
  return most and ("%s up to %s"):format(what, shown(most)) or what
end

-- A number in decimal: no white space, no hexadecimals, none of C's words.
local function decimal(word)
  return word:find "^[+-]?%.?%d[%d.]*[eE]?[+-]?%d*$" and tonumber((word:gsub("^%+", ""))) or nil
end

--- A whole number from least to most (either may be left out).
function check.whole(least, most)
  local low, high = least or -LARGEST, most or LARGEST
  return rule(with_limits("a whole number", least, most), function(value)
    local n = math.type(value) and math.tointeger(value)
    return n ~= nil and n >= low and n <= high, n
  end, decimal)
end

--- A finite number. limits: least, most (which it may be), above, below (which it may not be).
function check.number(limits)
  limits = limits or {}
  local says = with_limits("a number", limits.least, limits.most)
  if limits.above then says = ("%s above %s"):format(says, shown(limits.above)) end
  if limits.below then says = ("%s%s below %s"):format(says, limits.above and " and" or "", shown(limits.below)) end
  return rule(says, function(value)
    return math.type(value) and value == value and math.abs(value) < math.huge
      and value >= (limits.least or -math.huge) and value <= (limits.most or math.huge)
      and value > (limits.above or -math.huge) and value < (limits.below or math.huge) or false, value
  end, decimal)
end

local function of_type(says, name)
  return rule(says, function(value) return type(value) == name, value end, function(word) return word end)
end

check.any = rule("a value", function(value) return value ~= nil, value end)
check.flag = of_type("true or false", "boolean")
check.off = rule("false", function(value) return value == false, value end)
check.text = of_type("a text", "string")
check.decimal = rule("a whole number as a text", function(value)
  return type(value) == "string" and value:find "^-?%d+$" and math.tointeger(value) ~= nil, value
end)
check.callable = rule("a function", function(value)
  return type(value) == "function" or (getmetatable(value) or {}).__call ~= nil, value
end)
check.table = of_type("a table", "table")
check.real = of_type("a number", "number") -- also one that is not finite

--- Seeds, of gl.seed and --seed and all others: what every format keeps exactly.
check.seed = check.whole(0, LARGEST)

--- One of some words (a list).
function check.word(words)
  local says = #words > 1 and ("%s or %s"):format(table.concat(words, ", ", 1, #words - 1), words[#words]) or words[1]
  local of_words = rule(says, function(value)
    for _, word in ipairs(words) do
      if value == word then return true, word end
    end
    return false, nil, says, type(value) == "string" and as_word(value) or value
  end, function(word) return word end)
  of_words.on_command_line = "one of " .. table.concat(words, ", ")
  return of_words
end

--- A tensor of this shape (a list of sizes; any, if it is left out).
function check.tensor(shape)
  local says = "a tensor" .. (shape and " of " .. table.concat(shape, "x") or "")
  return rule(says, function(value)
    local fits = is_tensor(value) and (not shape or table.concat(value.shape, "x") == table.concat(shape, "x"))
    return fits, value
  end)
end

--- What one of several rules allows.
function check.either(...)
  local rules, says = {...}, {}
  for i, one in ipairs(rules) do says[i] = one.says end
  return rule(table.concat(says, " or "), function(value)
    for _, one in ipairs(rules) do
      local ok, read = one.read(value)
      if ok then return true, read end
    end
    return false
  end, function(word)
    for _, one in ipairs(rules) do
      local value = one.parse and one.parse(word)
      if value ~= nil and one.read(value) then return value end
    end
  end)
end

-- Reads the elements of a list by a rule.
local function read_list(each, value, n)
  local list = {}
  for i = 1, n do
    local ok, read, says, part = each.read(value[i])
    if not ok then
      return false, ("[%d]%s"):format(i, says and read or ""), says or each.says, says and part or value[i]
    end
    list[i] = read
  end
  return true, list
end

--- A list of values that a rule allows. limits: least, most (elements), count (exactly so many), single (one value
-- stands for a list of it).
function check.list(each, limits)
  limits = limits or {}
  local least, most = limits.count or limits.least or 0, limits.count or limits.most or math.maxinteger
  local amount = limits.count and (" of %d, each"):format(limits.count)
    or limits.most and (" of %s%d, each"):format(limits.least and limits.least .. " to " or "at most ", limits.most)
    or limits.least and limits.least > 0 and (" of at least %d, each"):format(limits.least) or ", each"
  return rule(("a list%s %s"):format(amount, each.says), function(value)
    if limits.single and type(value) ~= "table" then value = {value} end
    local n = length_of_list(value)
    if not n or n < least or n > most then return false end
    return read_list(each, value, n)
  end, each.parse and function(word)
    local list = {}
    for part in (word .. ","):gmatch " *([^,]-) *," do
      local value = each.parse(part)
      if value == nil or part == "" or #list == most then return nil end
      list[#list + 1] = value
    end
    return list
  end)
end

--- A table with these fields (name -> rule); others may be there too.
function check.record(fields)
  local names = text.sorted_keys(fields)
  return rule("a table", function(value)
    if type(value) ~= "table" then return false end
    for _, name in ipairs(names) do
      local ok, read, says, part = fields[name].read(value[name])
      if not ok then
        return false, ("%s%s"):format("." .. name, says and read or ""), says or fields[name].says,
          says and part or value[name]
      end
    end
    return true, value
  end)
end

--- A table whose values a rule allows, whatever its keys: texts.
function check.map(each)
  return rule("a table", function(value)
    if type(value) ~= "table" then return false end
    for key, item in next, value do
      local ok, read, says, part = each.read(item)
      if type(key) ~= "string" then return false end
      if not ok then return false, ("." .. key) .. (says and read or ""), says or each.says, says and part or item end
    end
    return true, value
  end)
end

--- What a rule allows, or nothing.
function check.optional(inner)
  return rule(inner.says .. " or nothing", function(value)
    if value == nil then return true, nil end
    return inner.read(value)
  end, inner.parse)
end

--- What a rule allows, in words of its own, and a test, where there is one: test(value) returns true or false.
function check.that(inner, says, test)
  return rule(says, function(value)
    local ok, read = inner.read(value)
    if not ok or test and not test(read) then return false end
    return true, read
  end, inner.parse)
end

-- Users ---------------------------------------------------------------------------------------------------------------

-- What is wrong, as a message, where rule.read failed with these results.
local function complaint(where, given, value, place, says, part)
  if says then return ("%s%s is %s, not %s"):format(where, text.shown(place or ""), says, shown(part)) end
  return ("%s is %s, not %s"):format(where, given.says, shown(value))
end

--- The value as its rule reads it (5.0 as 5, a list as a copy); raises at the user's line where the rule does not
-- allow it. where: "pad: size".
function check.value(where, value, given)
  local ok, read, says, part = given.read(value)
  if not ok then core.error(complaint(where, given, value, read, says, part)) end
  return read
end

--- Refuses fields of a table that are not in a list of names, beside those of a list.
function check.names(where, given, list)
  if type(given) ~= "table" or is_tensor(given) then check.fail("%s: a table, not %s", where, shown(given)) end
  local known = {}
  for _, name in ipairs(list) do known[name] = true end
  for key in next, given do
    if math.type(key) ~= "integer" and not known[key] then
      core.error(("%s: %s"):format(where, text.unknown("option", key, list)))
    end
  end
end

-- A table with these fields: their types by name.
local function object(says, fields)
  return rule(says, function(value)
    if type(value) ~= "table" then return false end
    for name, kind in pairs(fields) do
      local field = value[name]
      if not (kind == "tensor" and is_tensor(field) or type(field) == kind) then return false end
    end
    return true, value
  end)
end

-- What check.arguments calls them.
local kinds = {
  any = check.any, tensor = check.tensor(), number = check.number(), text = check.text, table = check.table,
  numbers = check.list(check.number()), callable = check.callable, count = check.whole(1, COUNT),
  values = rule("a tensor or a list", function(value)
    return length_of_list(value) ~= nil or is_tensor(value), value
  end),
  moments = check.either(check.tensor(), object("moments, of metrics.moments", {mean = "table"})),
  model = object("a model", {parameters = "function"}), space = object("a latent space", {prior = "function"}),
  split = object("a split of a data set, such as data.test", {batches = "function"}),
  data = object("a data set", {train = "table"}),
  posterior = object("posteriors, of posterior.of", {mean = "tensor"}), plane = object("a plane", {axes = "tensor"}),
  walk = object("a walk", {range = "table", move = "function"}),
  examples = object("examples, of attributes.examples", {z = "tensor"}),
}

local signatures = {} -- as lists of {name, rule}

local function read_signature(signature)
  local list = {}
  for name, kind, optional in signature:gmatch "(%w+):(%l+)(%??)" do
    list[#list + 1] = {name, optional == "" and kinds[kind] or check.optional(kinds[kind])}
  end
  signatures[signature] = list
  return list
end

--- Raises at the user's line where an argument is not of its kind ("?": or is left out), of a function of this name:
--
--   check.arguments("frechet", "a:tensor b:tensor", a, b)
function check.arguments(where, signature, ...)
  for i, argument in ipairs(signatures[signature] or read_signature(signature)) do
    check.value(("%s: %s"):format(where, argument[1]), (select(i, ...)), argument[2])
  end
end

--- The options of a function: `given` (a table or nil) checked by rules {name = {rule, default}}, as a new table with
-- the defaults filled in. A name that has no rule is refused. where: the function's name.
function check.options(where, given, rules)
  if given ~= nil and (type(given) ~= "table" or is_tensor(given)) then
    check.fail("%s: the options are a table, not %s", where, shown(given))
  end
  local values = {}
  for key in next, given or {} do
    if not rules[key] then
      core.error(("%s: %s"):format(where, text.unknown("option", key, text.sorted_keys(rules))))
    end
  end
  for _, name in ipairs(text.sorted_keys(rules)) do
    local value = given and given[name]
    if value == nil then
      values[name] = rules[name][2]
    else
      values[name] = check.value(("%s: %s"):format(where, name), value, rules[name][1])
    end
  end
  return values
end

--- A name that must be one of a list; raises at the user's line where it is not. what: "edit".
function check.known(where, what, name, list)
  for _, known in ipairs(list) do
    if name == known then return name end
  end
  core.error(("%s: %s"):format(where, text.unknown(what, name, list)))
end

--- The value of a word on a command line, or nil and what is wrong: "'2.5' is not a whole number from 1".
function check.parse(word, given)
  local value = given.parse(word)
  local ok, read
  if value ~= nil then
    ok, read = given.read(value)
  end
  if not ok then return nil, ("%s is not %s"):format(shown(word), given.on_command_line or given.says) end
  return read
end

--- Is this what a rule allows? Or false and what is wrong: "2.5 is not a whole number from 1".
function check.test(value, given)
  local ok, _, says, part = given.read(value)
  if ok then return true end
  return false, ("%s is not %s"):format(shown(says and part or value), says or given.says)
end

-- Files ---------------------------------------------------------------------------------------------------------------

--- Checks what a file brought: returns it as its rule reads it, or nil and one line: "PATH: state.epoch is a whole
-- number from 1, not 'x'". what: the name of the whole, such as "state".
function check.schema(path, what, value, given)
  local ok, read, says, part = given.read(value)
  if ok then return read end
  return nil, ("%s: %s"):format(text.shown(path), complaint(text.shown(what), given, value, read, says, part))
end

return check
