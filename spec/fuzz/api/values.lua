--- values.lua: random values for the fuzzer of the API: numbers, texts, tables, functions and tensors of every kind.
--- All chances come from math.random, so that a seed gives the same values again.

local gl = require "genlat"

local values = {}

local random = math.random
local function pick(list) return list[random(#list)] end
local function chance(n) return random(n) == 1 end
values.pick, values.chance = pick, chance

local nan, inf = 0 / 0, 1 / 0

--- What calls made and others may use, oldest first. Tables that misbehave empty it in the middle of a call.
values.pool = {}

function values.keep(value)
  local pool = values.pool
  if #pool >= 24 then table.remove(pool, random(#pool)) end
  pool[#pool + 1] = value
end

local function from_pool(kind)
  local value = #values.pool > 0 and pick(values.pool)
  return value and values.kind(value) == kind and value or nil
end

-- ---- plain values --------------------------------------------------------------------------------------------------

local odd_numbers = {
  0, -1, -2, 8, 9, 10, 0.5, -0.5, 2.0, 1e-3, 1e-38, 1e-320, 1e30, 1e308, -0.0, nan, inf, -inf, 1 << 24, (1 << 24) + 1,
  (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 32, 1 << 40, 1 << 53, (1 << 57) - 1, 1 << 57, 1 << 61, 1 << 62,
  math.maxinteger, math.mininteger, math.maxinteger - 1, 2.0 ^ 53, 2.0 ^ 63, -2.0 ^ 63, 2.0 ^ 64,
}
local texts = {
  "", "a", "1", "0x10", "sum", "none", "mean", "nearest", "bilinear", "uint8", "int64", "float32", "digits", "x",
  "smile", "vae", "a\0b", "\27[31m", "%s%n%d", "é", "\xff\xfe", ("x"):rep(300), "nan", "__index", "__gc",
}

function values.odd_number() return pick(odd_numbers) end
function values.whole() return chance(8) and pick(odd_numbers) or random(-2, 6) end
function values.count() return chance(8) and pick(odd_numbers) or random(1, 5) end
function values.number()
  if chance(8) then return pick(odd_numbers) end
  return chance(3) and random(-3, 3) or random() * pick {1, 1, 1, 10, 1e-3}
end
function values.text() return pick(texts) end
function values.boolean() return chance(2) end

function values.list()
  if chance(3) then return values.whole() end
  local list = {}
  for i = 1, pick {0, 1, 1, 2, 2, 2, 3, 4, 8, 9} do list[i] = values.whole() end
  return list
end

-- ---- tensors -------------------------------------------------------------------------------------------------------

local sizes = {1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 16, 17, 33}

function values.shape(ndim)
  local shape, numel = {}, 1
  for i = 1, ndim or pick {0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 8} do
    shape[i] = numel > 2000 and 1 or pick(sizes)
    numel = numel * shape[i]
  end
  return shape
end

local function fill(t)
  local how = random(12)
  if how == 1 then
    t:fill_(pick {0, 1, -1, nan, inf, -inf, 1e-38, 1e38, 255})
  elseif how <= 4 then
    t = (t * 2):abs():round():clamp(1, pick {2, 3, 10})
  elseif how == 5 then
    t = t:clamp(0, 1)
  end
  return t
end

--- A contiguous tensor of a shape, which may be anything else that gl.randn takes.
function values.fresh(shape)
  local t = fill(gl.randn(shape))
  if chance(6) then
    t = (t * 60):abs():byte()
  elseif chance(12) then
    t = gl.tensor(t * 60, {dtype = "int64"})
  elseif chance(2) then
    t.requires_grad = true
  end
  return t
end

local huge = {1 << 10, 1 << 31, 1 << 40, (1 << 57) - 1}
local views = {
  function(t) return t:transpose(1, -1) end,
  function(t) return t:slice(random(1, 3), 1, -1, random(1, 2)) end,
  function(t) return t:slice(-1, random(1, 3), -1) end,
  function(t) return t:select(random(1, 3), 1) end,
  function(t) return t:expand(pick {2, 3, 5}, table.unpack(t.shape)) end,
  function(t) return t:unsqueeze(-1):expand(table.unpack(t.shape), pick {2, 3}) end,
  function(t) return t:sum():expand(chance(2) and pick(huge) or {pick(huge), 2}) end,
  function(t) return t:reshape(-1) end,
  function(t) return t:unsqueeze(pick {1, -1}) end,
  function(t) return t:detach() end,
  function(t) return t:clone() end,
  function(t) return t * 1 end,
}

--- A tensor that looks at another one, or the tensor itself where the view is not possible.
function values.view(t)
  local ok, view = pcall(pick(views), t)
  return ok and view or t
end

function values.tensor(shape)
  if not shape and chance(3) then
    local t = from_pool "tensor"
    if t then return t end
  end
  local t = values.fresh(shape or values.shape())
  if chance(3) then t = values.view(t) end
  if chance(8) then t = values.view(t) end
  return t
end

--- Images N x H x W x C with values 0..1, or bytes.
function values.images(height, width, channels)
  local h = height or pick {1, 2, 4, 4, 8}
  local t = gl.rand(pick {1, 2, 3, 6}, h, width or (chance(4) and pick {1, 3, 8} or h), channels or pick {1, 1, 3})
  return chance(6) and (t * 255):byte() or chance(5) and values.view(t) or t
end

function values.labels(n, classes)
  local t = (gl.rand(n or pick {1, 2, 3, 6}) * (classes or 3)):floor() + 1
  return chance(4) and t:byte() or t
end

function values.tensors()
  local list, shape = {}, values.shape()
  for i = 1, pick {0, 1, 2, 2, 3, 5} do
    list[i] = chance(10) and values.anything() or values.tensor(not chance(6) and shape or nil)
  end
  return list
end

-- ---- what misbehaves -----------------------------------------------------------------------------------------------

local user_error = {} -- a value that is no message, as a user may raise
values.user_error = user_error

local function drop()
  values.pool = {}
  collectgarbage()
end

-- What a metamethod or a function given as an argument does before it answers.
local deeds = {
  ["nothing"] = function() end,
  ["raises"] = function() error("a user's error", 0) end,
  ["raises a table"] = function() error(user_error, 0) end,
  ["drops"] = drop,
  ["changes"] = function()
    for _, value in ipairs(values.pool) do
      if values.kind(value) == "tensor" then pcall(function() value:fill_(2) end) end
    end
  end,
  ["unrequires"] = function()
    for _, value in ipairs(values.pool) do
      if values.kind(value) == "tensor" then pcall(function() value.requires_grad = not value.requires_grad end) end
    end
  end,
  ["goes back"] = function()
    for _, value in ipairs(values.pool) do
      if values.kind(value) == "tensor" then pcall(function() value:sum():backward() end) end
    end
  end,
  ["collects"] = function() collectgarbage() end,
  ["yields"] = function() if coroutine.isyieldable() then coroutine.yield() end end,
  ["ends by hand"] = function()
    for _, value in ipairs(values.pool) do
      local meta = getmetatable(value)
      if type(meta) == "table" and rawget(meta, "__gc") then pcall(rawget(meta, "__gc"), value) end
    end
  end,
}
local deed_names = {}
for name in pairs(deeds) do deed_names[#deed_names + 1] = name end
table.sort(deed_names)

local lengths = {
  0, 1, 2, 3, -1, -4, 9, (1 << 31) - 1, 1 << 31, (1 << 32) + 2, 1 << 57, math.maxinteger, math.mininteger, 1.5, nan,
  "2", "x",
}

--- A table whose metamethods lie, raise or change things.
function values.liar()
  local list = {}
  for i = 1, random(0, 3) do list[i] = chance(2) and values.tensor() or values.number() end
  local length, deed = pick(lengths), pick(deed_names)
  local events = {text = ("liar(#=%s, %s)"):format(length, deed)}
  local act, calls = deeds[deed], 0
  local function once() -- or what calls this often would never end
    calls = calls + 1
    if calls <= 3 then act() end
  end
  if chance(2) then events.__len = function() once() return length end end
  if chance(3) then
    local answer = list[1]
    local limit = random(0, 40)
    events.__index = function(_, key)
      once()
      if math.type(key) ~= "integer" or key <= limit then return answer end
    end
  end
  if chance(6) then events.__pairs = function(t) once() return next, t end end
  if chance(6) then events.__call = function(_, ...) once() return ... end end
  if chance(8) then events.__name = "genlat.Tensor" end
  if chance(4) then
    for i = 1, #list do values.keep(list[i]) end
  end
  return setmetatable(list, events)
end

--- A function for a caller to call.
values.functions = {}
for _, name in ipairs(deed_names) do
  local act = deeds[name]
  values.functions[#values.functions + 1] = {name .. ", x", function(...) act() return ... end}
  values.functions[#values.functions + 1] = {name .. ", tensor", function() act() return gl.zeros(2, 2) end}
  values.functions[#values.functions + 1] = {name .. ", nil", function() act() end}
end
local function_text = {[print] = "print"}
for _, f in ipairs(values.functions) do function_text[f[2]] = ("function(%s)"):format(f[1]) end

function values.callback() return pick(values.functions)[2] end

-- ---- anything ------------------------------------------------------------------------------------------------------

--- "tensor", "module", or the type.
function values.kind(value)
  if type(value) == "userdata" then return gl.nn.Module.is_tensor(value) and "tensor" or "userdata" end
  return gl.nn.is_module(value) and "module" or type(value)
end

local kinds = {
  function() return nil end,
  values.boolean, values.odd_number, values.odd_number, values.number, values.text, values.list, values.tensor,
  values.tensor, values.liar, values.liar, values.callback, values.tensors,
  function() return {} end,
  function() return {values.number(), values.number()} end,
  function() return {{1, 2}, {3, pick {4, "x", nan, nil}}} end,
  function() return {[pick {"axis", "keepdim", "lr", "x", "dtype"}] = pick {1, true, "x", -1}} end,
  function() return coroutine.create(values.callback()) end,
  function() return io.stderr end,
  function() return values.pool[random(math.max(1, #values.pool))] end,
}

function values.anything() return pick(kinds)() end

-- ---- as text -------------------------------------------------------------------------------------------------------

local describe

local function describe_table(t, depth)
  local meta = getmetatable(t)
  local label = type(meta) == "table" and (rawget(meta, "text") or rawget(meta, "__name"))
  if depth > 3 then return "{..}" end
  local words = {}
  for i = 1, math.min(rawlen(t), 9) do words[i] = describe(rawget(t, i), depth + 1) end
  local keys = {}
  for key in next, t do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for i = 1, math.min(#keys, label and 0 or 12) do
    words[#words + 1] = keys[i] .. " = " .. describe(rawget(t, keys[i]), depth + 1)
  end
  return (label and tostring(label) or "") .. "{" .. table.concat(words, ", ") .. "}"
end

local function describe_tensor(t)
  local ok, text = pcall(function()
    return ("T(%s%s%s%s)"):format(table.concat(t.shape, "x"), t.dtype ~= "float32" and " " .. t.dtype or "",
      t.is_leaf and (t.requires_grad and " leaf" or "") or " made", t:is_contiguous() and "" or " view")
  end)
  return ok and text or "dead tensor"
end

function describe(value, depth)
  local kind = type(value)
  if kind == "userdata" then
    return values.kind(value) == "tensor" and describe_tensor(value) or "userdata"
  elseif kind == "table" then
    return describe_table(value, depth or 0)
  elseif kind == "function" then
    return function_text[value] or "function"
  elseif kind == "string" then
    return #value > 60 and ("%q.."):format(value:sub(1, 20)) or ("%q"):format(value)
  end
  return tostring(value)
end
values.describe = describe

return values
