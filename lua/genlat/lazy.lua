--- lazy.lua: parts that are loaded when they are first used, from where genlat itself was loaded, whatever package.path
-- and package.cpath are by then.
--
--   local space = lazy.require "genlat.latent.space"        -- inside functions, in place of require
--   return lazy.fields({}, {lines = "genlat.plot.lines", slerp = {"genlat.latent.walk", "slerp"}})

local core = require "genlat.core"

local lazy = {}

local require = require
local _, own_file = ... -- as require says it

-- Where modules are looked for: first beside this file, then where they were when genlat was loaded. A relative folder
-- is given in full too, as the program may change its working folder.
local function search_paths()
  local path, root = package.path, own_file and own_file:match "^(.*)genlat[/\\]lazy%.lua$"
  if not root then return path, package.cpath end -- not from a file: part of a program, say
  local full = core.real_path(root == "" and "." or root) .. "/"
  for _, folder in ipairs(full == root and {root} or {full, root}) do
    path = ("%s?.lua;%s?/init.lua;%s"):format(folder, folder, path)
  end
  return path, package.cpath
end

local home, home_c = search_paths()

--- The file of a module of genlat's, or nil and a message.
function lazy.file(name) return package.searchpath(name, home) end

--- As require.
function lazy.require(name)
  local loaded = package.loaded[name]
  if loaded ~= nil then return loaded end
  local path, cpath = package.path, package.cpath
  package.path, package.cpath = home, home_c
  local ok, value = pcall(require, name)
  package.path, package.cpath = path, cpath
  if not ok then error(value, 0) end
  return value
end

local function value_of(place)
  if type(place) == "function" then return place() end
  if type(place) == "table" then return lazy.require(place[1])[place[2]] end
  return lazy.require(place)
end

--- t with fields that are loaded when they are first read, or all of them by pairs. places: name -> a module, {a
-- module, its field}, or a function that returns the value. others: modules for fields that pairs leaves out.
function lazy.fields(t, places, others)
  local meta = getmetatable(t) or {}
  function meta.__index(_, name)
    if others and others[name] then return lazy.require(others[name]) end
    if places[name] then t[name] = value_of(places[name]) end
    return rawget(t, name)
  end
  function meta.__pairs()
    for name in pairs(places) do
      local _ = t[name]
    end
    return next, t
  end
  return setmetatable(t, meta)
end

--- Modules of a folder as places for lazy.fields: modules("genlat.plot", {"lines"}) is {lines = "genlat.plot.lines"}.
function lazy.modules(folder, names)
  local places = {}
  for _, name in ipairs(names) do places[name] = folder .. "." .. name end
  return places
end

return lazy
