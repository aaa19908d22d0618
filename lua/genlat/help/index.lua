--- index.lua: everything of genlat that has a name, for looking it up by its name or by itself.

local core = require "genlat.core"
local binding = require "genlat.help.binding"
local lazy = require "genlat.lazy"

local index = {}

-- Classes whose instances users hold, by what an instance is called here.
local classes = {
  space = "genlat.latent.space", directions = "genlat.latent.directions", split = "genlat.data.split",
  module = "genlat.nn.module",
}

local entries -- list of {path = "gl.latent.slerp", name = "slerp", value =}; made when it is first asked for

local function is_public(key) return type(key) == "string" and key:find "^%a" ~= nil end

-- The name of the file that a table was returned by, such as "genlat.latent", or nil.
function index.module_of(value)
  for name, loaded in pairs(package.loaded) do
    if rawequal(loaded, value) and name:find "^genlat" then return name end
  end
end

local function add(path, value) entries[#entries + 1] = {path = path, name = path:match "[%w_]+$", value = value} end

-- Adds a table of functions and, below it, those that are files of their own.
local function add_module(path, module, seen)
  if seen[module] then return end
  seen[module] = true
  local names = {}
  for key in pairs(module) do
    if is_public(key) then names[#names + 1] = key end
  end
  table.sort(names)
  for _, key in ipairs(names) do
    local value, own = module[key], path .. "." .. key
    if type(value) == "function" or type(value) == "table" and rawget(value, "is_genlat_module") then
      add(own, value)
    elseif type(value) == "table" and value ~= core and index.module_of(value) then
      add(own, value)
      add_module(own, value, seen)
    end
  end
end

local function add_methods(path, methods)
  for key, value in pairs(methods) do
    if is_public(key) and type(value) == "function" and key ~= "new" then add(path .. ":" .. key, value) end
  end
end

--- All of them, sorted by path.
function index.entries()
  if entries then return entries end
  entries = {}
  add_module("gl", lazy.require "genlat", {})
  for name in pairs(binding.methods) do
    add("x:" .. name, core.tensor_methods[name])
  end
  add("x:t", core.tensor_methods.t)
  for name, file in pairs(classes) do
    add_methods(name, lazy.require(file))
  end
  table.sort(entries, function(a, b) return a.path < b.path end)
  return entries
end

--- The path of a value ("gl.latent.slerp"), the shortest where it has several; or nil.
function index.path_of(value)
  local best
  for _, entry in ipairs(index.entries()) do
    if rawequal(entry.value, value) and (not best or #entry.path < #best) then best = entry.path end
  end
  return best
end

-- The rows of a table of the core's, by what they describe.
local function rows_by(list, value_of)
  local map = {}
  for _, row in ipairs(list) do map[value_of(row)] = row end
  return map
end

local op_rows = rows_by(core.op_table, function(row) return core[row.name] end)
local layer_rows -- nn is loaded when it is first asked for

--- The row of gl.ops that a function is, or nil.
function index.op_row(f) return op_rows[f] end

--- The row of gl.nn.layers that a class is, or nil.
function index.layer_row(class)
  local nn = lazy.require "genlat.nn"
  layer_rows = layer_rows or rows_by(core.layer_table(), function(row) return nn[row.name] end)
  return layer_rows[class]
end

--- The row of gl.optim.kinds that a function makes optimizers of, or nil.
function index.optimizer_row(f)
  local optim = lazy.require "genlat.optim"
  for name, row in pairs(optim.kinds) do
    if rawequal(optim[name], f) then return row end
  end
end

--- The file of a kind of model, such as "genlat.models.vae", and its name, for the function that makes such models; or
-- nil.
function index.model_file(f)
  local models = lazy.require "genlat.models"
  for name, file in pairs(models.kinds) do
    if rawequal(models[name], f) then return file, name end
  end
end

-- Does a path end in a name, of one or several words?
local function ends_in(path, name)
  return path == name or path:sub(-#name - 1):find "^[.:]" ~= nil and path:sub(-#name) == name
end

--- The entries whose path ends in this name: "slerp", "latent.slerp", "gl.latent.slerp", "space:decode". Upper and
-- lower case are told apart where that finds some. A value is listed once; what has the
-- shortest path comes first.
function index.find(name)
  name = name:gsub("%s", ""):gsub("%b()$", "")
  for _, fold in ipairs {function(text) return text end, string.lower} do
    local found, seen = {}, {}
    for _, entry in ipairs(index.entries()) do
      if ends_in(fold(entry.path), fold(name)) and not seen[entry.value] then
        seen[entry.value] = true
        found[#found + 1] = entry
      end
    end
    if #found > 0 then
      table.sort(found, function(a, b)
        if #a.path ~= #b.path then return #a.path < #b.path end
        return a.path < b.path
      end)
      return found
    end
  end
  return {}
end

return index
