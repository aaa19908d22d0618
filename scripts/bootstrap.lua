-- bootstrap.lua: makes a script run from a checkout as it does when installed. Every script begins with
--   dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")
-- It has to parse and run under older Luas, so that it can say that genlat needs a newer one.

local function stop(message)
  io.stderr:write(message, "\n")
  os.exit(1)
end

if _VERSION < "Lua 5.4" then
  stop("genlat needs Lua 5.4; this is " .. _VERSION .. ": run it with lua5.4")
end

os.setlocale "C" -- numbers in files have a point, whatever LUA_INIT has set

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]") or "."
local root = here:match("^(.*)[/\\]scripts$") or (here == "scripts" and "." or here .. "/..")

-- The build is in build/, or where `make OUT=...` put it and GENLAT_BUILD says so, as for the one with sanitizers or
-- one of a checkout that may not be written to.
local build = os.getenv "GENLAT_BUILD" or "build"
if build:sub(1, 1) ~= "/" then build = root .. "/" .. build end

if exists(root .. "/lua/genlat/init.lua") then
  if exists(build .. "/genlat/core.so") then
    package.path = root .. "/lua/?.lua;" .. root .. "/lua/?/init.lua;" .. package.path
    package.cpath = build .. "/?.so;" .. package.cpath
  elseif not package.searchpath("genlat.core", package.cpath) then
    stop("genlat is not built yet: run `sh " .. root .. "/scripts/setup.sh` first")
  end
end

-- What keeps genlat from being loaded (another processor, no memory) is said in its own words.
local loaded, message = pcall(require, "genlat")
if not loaded then stop(message) end
