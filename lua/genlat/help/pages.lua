--- pages.lua: the texts that gl.help prints, one function for each kind of thing.

local core = require "genlat.core"
local binding = require "genlat.help.binding"
local comments = require "genlat.help.comments"
local examples = require "genlat.help.examples"
local index = require "genlat.help.index"
local lazy = require "genlat.lazy"
local scope = require "genlat.scope"
local signature = require "genlat.help.signature"
local broken = require "genlat.help.wrap"

local wrap, columns = broken.text, broken.columns

local pages = {}

local SHORT = 8 -- lines of an example's result that are shown; of a longer one, the first

-- Paragraphs, those that are nil, false or "" left out.
local function join(...)
  local parts, list = table.pack(...), {}
  for i = 1, parts.n do
    if parts[i] and parts[i] ~= "" then list[#list + 1] = parts[i] end
  end
  return table.concat(list, "\n\n")
end

-- examples ------------------------------------------------------------------------------------------------------------

-- A function that runs lines as Lua's prompt would, and returns what the last one shows.
local function compile(code)
  local environment = setmetatable({gl = lazy.require "genlat"}, {__index = _G})
  local before, last = code:match "^(.*\n)(.-)$"
  for _, text in ipairs {(before or "") .. "return " .. (last or code), code} do
    local chunk = load(text, "=example", "t", environment)
    if chunk then return chunk end
  end
end

--- Runs an example as somebody would type it; returns its first result. The user's random numbers are left alone.
function pages.run(code) return (scope.run({seed = 0}, compile(code))) end

-- The example with what it shows at Lua's prompt.
local function transcript(code)
  local result = pages.run(code)
  local lines = {}
  for line in (code .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = "  > " .. line end
  if result == nil then return "Example\n" .. table.concat(lines, "\n") end
  local shown = tostring(result)
  if select(2, shown:gsub("\n", "")) >= SHORT then shown = shown:match "^[^\n]*" end
  lines[#lines + 1] = "  " .. shown:gsub("\n", "\n  ")
  return "Example\n" .. table.concat(lines, "\n")
end

-- what is C -----------------------------------------------------------------------------------------------------------

local function facts(row)
  if row.in_place then return "Changes x and returns it." end
  if row.random then return "Draws random numbers: gl.seed sets where they begin." end
  if not row.differentiable then return "It has no gradient." end
end

--- An op, by its row in gl.ops.
function pages.op(row)
  local parameters = signature.parse(row.signature)
  local call = broken.call(("gl.%s(%s)"):format(row.name, signature.call(parameters)))
  if not parameters[1].many then
    local as_method = ("%s:%s(%s)"):format(parameters[1].name, row.name, signature.call(parameters, 2))
    call = call .. "\n" .. broken.call(as_method)
  end
  local named = ""
  for i = 2, #parameters do
    if parameters[i].default then
      named = ("Those that have a value in brackets may be left out, or given by name in a table: {%s = ...}.")
        :format(parameters[i].name)
    end
  end
  return join(
    call, wrap {row.doc}, table.concat(signature.lines(parameters), "\n"), wrap {facts(row), named},
    transcript(examples.op(row))
  )
end

--- A layer, by its row in gl.nn.layers.
function pages.layer(row)
  local parameters = signature.parse(row.signature)
  return join(
    broken.call(("gl.nn.%s(%s)"):format(row.name, signature.call(parameters))),
    wrap {"A layer: called with x it computes: " .. row.doc .. "."},
    table.concat(signature.lines(parameters), "\n"), transcript(examples.layer(row))
  )
end

--- An optimizer, by its row in gl.optim.kinds.
function pages.optimizer(row)
  local parameters = signature.parse(row.signature)
  return join(
    broken.call(("gl.optim.%s(model or list of parameters, {%s})"):format(row.name, signature.call(parameters))),
    wrap {"For each parameter p with the gradient g: " .. row.doc .. "."},
    table.concat(signature.lines(parameters), "\n"),
    wrap {"Methods: zero_grad(), step(), state(). Fields: the settings, which may be changed on the way, and steps."},
    transcript(examples.optimizer(row))
  )
end

--- A function of the binding, by its path ("gl.zeros", "x:item") and its row in help.binding.
function pages.binding(path, row)
  return join(
    ("%s(%s)"):format(path, row.call), wrap {row.text},
    row.files and "Example\n  > " .. row.example or transcript(row.example)
  )
end

-- what is Lua ---------------------------------------------------------------------------------------------------------

-- The path of a file as people know it.
local function file_name(path) return (path:gsub("^%./", "")) end

--- A Lua function, by its path (or nil where it is nobody's) and itself.
function pages.lua_function(path, f)
  local known = comments.of(f)
  if not known then return (path or "a function") .. ": a function without documentation" end
  local uses = path and comments.uses(known, path:match "[%w_]+$") or {}
  local call = known.call
  if path and path:find ":" and not known.method then call = call:gsub("^%([%w_]+,? ?", "(") end -- x:t() is t(x)
  return join(
    (path or "function") .. call,
    known.text and wrap(known.text) or "It has no documentation.",
    #uses > 0 and "Example\n" .. table.concat(uses, "\n"),
    ("Defined in %s, line %d."):format(file_name(known.path), known.line)
  )
end

local function first_of_file(file) return comments.first_sentence(comments.head(lazy.file(file))) end

-- What is said of a class of modules: the comment above its init.
local function class_comment(class) return rawget(class, "init") and comments.of(class.init) end

-- One line on a value: its call, and the first sentence of what is said of it.
local function summary(value)
  local row = index.op_row(value) or index.layer_row(value)
  if row then return "(" .. signature.call(signature.parse(row.signature)) .. ")", row.doc end
  row = index.optimizer_row(value)
  if row then return "(model, settings)", row.doc end
  if type(value) == "table" and not rawget(value, "is_genlat_module") then
    return "", first_of_file(index.module_of(value))
  end
  local model = index.model_file(value)
  if model then return "(config)", first_of_file(model) end
  local known = type(value) == "function" and comments.of(value) or type(value) == "table" and class_comment(value)
  if known then return known.call, comments.first_sentence(known.text) end
  return "(...)", ""
end

--- The lines of a list of {name, value}.
function pages.list(items)
  local rows = {}
  for i, item in ipairs(items) do
    local call, text = summary(item[2])
    rows[i] = {item[1] .. call, text}
  end
  return columns(rows)
end

local function sorted_items(t, wanted)
  local items = {}
  for key, value in pairs(t) do
    if type(key) == "string" and key:find "^%a" and wanted(value, key) then items[#items + 1] = {key, value} end
  end
  table.sort(items, function(a, b) return a[1] < b[1] end)
  return items
end

-- Methods that the class itself calls.
local hidden = {init = true, forward = true, details = true, own = true, set_training = true, fix = true}

local function is_shown(value)
  if type(value) ~= "table" then return type(value) == "function" end
  return rawget(value, "is_genlat_module") or index.module_of(value)
end

--- A table of functions that a file returns, by its path and itself.
function pages.module(path, module)
  local items = sorted_items(module, function(value, key) return is_shown(value) and not hidden[key] end)
  return join(
    path, wrap(comments.head(lazy.file(index.module_of(module))) or {}),
    #items > 0 and "It has\n" .. pages.list(items) or ""
  )
end

local function is_method(value, key)
  local known = type(value) == "function" and not hidden[key] and comments.of(value)
  return known and known.method
end

--- The methods of an object, by its metatable and those that it derives from, up to `base`, if there is any.
function pages.methods(class, base)
  local methods = {}
  while class and class ~= base do
    for key, value in pairs(class) do methods[key] = methods[key] or value end
    local meta = getmetatable(class)
    class = meta and type(meta.__index) == "table" and meta.__index or nil
  end
  local items = sorted_items(methods, is_method)
  return #items > 0 and "Methods\n" .. pages.list(items) or ""
end

--- A kind of model, by its name and the file that it is in.
function pages.model(kind, file)
  local config = class_comment(lazy.require(file))
  return join(
    ("gl.models.%s(config)"):format(kind), wrap(comments.head(lazy.file(file)) or {}),
    config and config.text and wrap(config.text), transcript(examples.model(kind))
  )
end

--- A class of modules, by its path and itself.
function pages.class(path, class)
  local known = class_comment(class)
  return join(
    path .. (known and known.call or "()") .. "   a class of modules",
    known and known.text and wrap(known.text), pages.methods(class)
  )
end

--- An object with methods; file: the one whose beginning says what it is, or nil.
function pages.object(object, file, base)
  local meta = getmetatable(object)
  return join(
    tostring(object), file and wrap(comments.head(lazy.file(file)) or {}),
    pages.methods(type(meta.__index) == "table" and meta.__index or meta, base)
  )
end

-- tensors -------------------------------------------------------------------------------------------------------------

-- The families of ops, by the first of each in the core's table.
local families = {
  neg = "Of each element", add = "Of two tensors, element by element; + - * / ^ are add, sub, mul, div, pow",
  sum = "Along axes", matmul = "Products, convolutions, pooling, resampling", batch_norm = "Normalization",
  reshape = "Shape and choice of elements", bce_with_logits = "Losses", gaussian_sample = "At random",
  add_ = "In place: they change the tensor",
}

local function op_groups()
  local groups = {}
  for _, row in ipairs(core.op_table) do
    if families[row.name] then groups[#groups + 1] = {families[row.name], {}} end
    table.insert(groups[#groups][2], row.name)
  end
  return groups
end

--- A tensor: what it is, its fields and methods.
function pages.tensor(x)
  local lines = {}
  for _, group in ipairs(op_groups()) do
    lines[#lines + 1] = group[1] .. "\n" .. wrap({table.concat(group[2], ", ")}, "  ")
  end
  local others = {t = true}
  for name in pairs(binding.methods) do others[name] = true end
  local items = {}
  for name in pairs(others) do
    local row = binding.methods[name]
    items[#items + 1] = {("%s(%s)"):format(name, row and row.call or ""),
      row and row.text or comments.first_sentence(comments.of(core.tensor_methods[name]).text)}
  end
  table.sort(items, function(a, b) return a[1] < b[1] end)
  return join(
    (tostring(x):match "^tensor [^\n]*" or "tensor: the number " .. tostring(x)),
    wrap {"A block of numbers with a shape. x[1] is the first row, image, ...; x[{1, {2, 5}}] picks one place of the "
      .. "first axis and a range of the second, {} a whole axis; x[1] = 0 sets. #x is the size of the first axis."},
    "Fields\n" .. columns(binding.fields), "Methods\n" .. columns(items), table.concat(lines, "\n"),
    "gl.help \"NAME\" says more of each."
  )
end

return pages
