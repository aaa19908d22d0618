--- help: gl.help(anything) says what it is, what it takes, and gives an example, at Lua's prompt.
--
--   gl.help()                        where to begin
--   gl.help(gl.conv2d)               an op, a layer (gl.nn.Linear), an optimizer (gl.optim.Adam), any function
--   gl.help(gl.latent)               a part: its functions
--   gl.help(x)                       a tensor, a layer, a model, a data set, a space: what can be done with it
--   gl.help "slerp"                  by name
--
-- The texts are those that stand with the code: the core's tables of ops, layers and optimizers, and the comments above
-- Lua's functions.

local core = require "genlat.core"
local binding = require "genlat.help.binding"
local comments = require "genlat.help.comments"
local index = require "genlat.help.index"
local lazy = require "genlat.lazy"
local lines = require "genlat.help.wrap"
local words = require "genlat.text"
local pages = require "genlat.help.pages"
local Module = require "genlat.nn.module"

local help = {}

-- the beginning -------------------------------------------------------------------------------------------------------

local begin = [[
To begin, at Lua's prompt:
  set = gl.data.load "digits"                 a data set, drawn by program; "faces" is another
  gl.show(set)                                its first images, here in the terminal
  run = gl.load "runs/vae"                    a model that `genlat train_vae --data digits --out runs/vae` trained
  gl.show(run)                                what it draws
  z = gl.latent.slerp(run:prior(1), run:prior(1), 8)
  gl.show(run:decode(z))                      the way from one point of its latent space to another
  x = gl.tensor {{1, 2}, {3, 4}}              tensors: x + 1, x:exp(), x:matmul(x), x[1]

More: gl.help(gl.latent), gl.help(gl.nn.Conv2d), gl.help "slerp", gl.help(x) for any value x.]]

-- The parts of genlat with the first sentences of their files.
local function parts()
  local gl = lazy.require "genlat"
  local rows = {}
  for name, value in pairs(gl) do
    local file = type(value) == "table" and value ~= core and index.module_of(value)
    if file then rows[#rows + 1] = {"gl." .. name, comments.first_sentence(comments.head(lazy.file(file)))} end
  end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  rows[#rows + 1] = {"gl.ops", ("%d operations on tensors: gl.exp(x), x:exp()"):format(#core.op_table)}
  return lines.columns(rows)
end

-- Functions of genlat that stand in no part, and are no ops.
local function functions()
  local list = {}
  for name, value in pairs(lazy.require "genlat") do
    if type(value) == "function" and not index.op_row(value) then list[#list + 1] = name end
  end
  table.sort(list)
  return lines.text({table.concat(list, ", ")}, "  ")
end

local function overview()
  local info = core.info()
  return ("genlat %s: generative models on a CPU, and their latent spaces.\n\n%s\n\nParts\n%s\n\nFunctions\n%s"):format(
    info.version, begin, parts(), functions())
end

-- each kind of thing --------------------------------------------------------------------------------------------------

local function of_function(f, path)
  path = path or index.path_of(f)
  local name = path and path:match "[%w_]+$"
  if index.op_row(f) then return pages.op(index.op_row(f)) end
  if index.optimizer_row(f) then return pages.optimizer(index.optimizer_row(f)) end
  local file, kind = index.model_file(f)
  if file then return pages.model(kind, file) end
  local row = path and (path:find "^x:" and binding.methods or binding.functions)[name]
  return row and pages.binding(path, row) or pages.lua_function(path, f)
end

local function is_row(t) return type(t.signature) == "string" and type(t.doc) == "string" end

-- A row of gl.ops, gl.nn.layers or gl.optim.kinds.
local function of_row(row)
  if row.differentiable ~= nil then return pages.op(row) end
  return lazy.require("genlat.nn").layers[row.name] and pages.layer(row) or pages.optimizer(row)
end

local function of_module(module)
  local class = getmetatable(module)
  local row = index.layer_row(class)
  if row then return tostring(module) .. "\n\n" .. pages.layer(row) end
  local config = rawget(module, "config")
  local file = type(config) == "table" and lazy.require("genlat.models").kinds[config.model]
  local shared = pages.methods(Module):gsub("^Methods", "Methods of all modules")
  return pages.object(module, file, Module) .. "\n\n" .. shared
end

local files = {["genlat.latent.space"] = true, ["genlat.latent.directions"] = true, ["genlat.data.split"] = true}

-- A table that is an object: with the head of the file that its class comes from, where the class is all of the file.
local function of_object(object)
  local meta = getmetatable(object)
  for file in pairs(files) do
    if package.loaded[file] == meta then return pages.object(object, file) end
  end
  return pages.object(object)
end

local function of_data_set(set)
  local text = [[
Fields: train and test (splits: set.train:batches {size = 128}, set.train:head(10)), shape, classes (names; a label is
a number from 1), factor_names of those that are drawn. gl.show(set) shows the first images.]]
  return ("%s\n\n%s\n\ntrain: %s\ntest: %s"):format(set, lines.text {(text:gsub("\n", " "))}, set.train, set.test)
end

local function of_class(class)
  local row = index.layer_row(class)
  return row and pages.layer(row) or pages.class(index.path_of(class) or class.__name, class)
end

local function of_table(t)
  if t == lazy.require "genlat" then return overview() end
  if t == core then return "gl.core: what genlat's Lua files are built on; what is for everybody is in gl itself" end
  if t == lazy.require("genlat").ops then return lines.text({tostring(t)}) end
  if is_row(t) then return of_row(t) end
  if rawget(t, "is_genlat_module") then return of_class(t) end
  if Module.is_module(t) then return of_module(t) end
  if index.module_of(t) then return pages.module(index.path_of(t) or index.module_of(t), t) end
  local meta = getmetatable(t)
  if meta and meta.__tostring and t.train and t.test and t.shape then return of_data_set(t) end
  if meta and (meta.__tostring or type(meta.__index) == "table") then return of_object(t) end
  return "a Lua table; gl.help() says what genlat has"
end

-- by name -------------------------------------------------------------------------------------------------------------

local function of_unknown(name)
  local seen, list = {}, {}
  for _, entry in ipairs(index.entries()) do
    if not seen[entry.name] then
      seen[entry.name] = true
      list[#list + 1] = entry.name
    end
  end
  local like = words.nearest(name:match "[%w_]+$" or name, list, 3)
  if #like == 0 then return ("genlat has nothing called '%s'; gl.help() says what there is"):format(name) end
  return ("genlat has nothing called '%s'. Did you mean %s?"):format(name,
    table.concat(like, ", "):gsub(", ([^,]*)$", " or %1"))
end

local function of_name(name)
  if name == "" or name:lower() == "gl" or name:lower() == "genlat" then return overview() end
  local found = index.find(name)
  if #found == 0 then return of_unknown(name) end
  local best = found[1]
  local text = type(best.value) == "function" and of_function(best.value, best.path) or of_table(best.value)
  if #found == 1 then return text end
  local others = {}
  for i = 2, #found do others[i - 1] = {found[i].path, found[i].value} end
  return text .. "\n\nAlso\n" .. pages.list(others)
end

--- What gl.help prints, as a string.
function help.text(...)
  if select("#", ...) == 0 then return overview() end
  local thing = ...
  local kind = type(thing)
  if kind == "string" then return of_name(thing) end
  if kind == "function" then return of_function(thing) end
  if kind == "table" then return of_table(thing) end
  if Module.is_tensor(thing) then return pages.tensor(thing) end
  if thing == nil then return "nil: there is nothing of that name; gl.help() says what genlat has" end
  if core.kind_of(thing) == "genlat.Optimizer" then
    local name = tostring(thing):match "^%w+"
    return tostring(thing) .. "\n\n" .. pages.optimizer(lazy.require("genlat.optim").kinds[name])
  end
  return ("%s: a Lua %s; gl.help() says what genlat has"):format(tostring(thing), kind)
end

--- Says what a thing is, what it takes, and gives an example: a function, op, layer, optimizer, part, tensor, model,
-- data set, space, or a name in a string; with nothing, where to begin.
--
--   gl.help(gl.conv2d)
--   gl.help "slerp"
function help.help(...) io.write(words.shown_lines(help.text(...)), "\n") end

return help
