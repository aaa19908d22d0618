--- scope.lua: what is set aside for the length of a call: recording, random numbers, a model's training, its
-- parameters' gradients.
--
--   scope.run({recording = false, seed = 1, eval = model, frozen = model}, f, ...)    -- f(...), and its results
--
-- Each may be left out:
--   recording  true or false                   seed    f's random numbers are of a generator of its own, from this seed
--   eval       a module that evaluates: it     frozen  a module whose parameters take no gradients
--              and all modules below it
-- Afterwards all is as it was, each module's and each parameter's own setting: also after an error, which passes
-- through unchanged, and where a coroutine is closed in the middle; one that is dropped ends its scopes when it is
-- collected.
--
-- recording and seed belong to the coroutine that calls scope.run, and hold too in those that it resumes meanwhile (an
-- iterator made by coroutine.wrap records where the loop over it does). While it is suspended inside f they hold for
-- nobody else. eval and frozen belong to the model, whoever uses it.

local core = require "genlat.core"
local text = require "genlat.text"

local scope = {}

-- For each object the settings that scopes have made of it, oldest first: a list of {before = what it was, coroutine =
-- whose scope it is, as long as that is not collected}.
local function new_stacks() return setmetatable({}, {__mode = "k"}) end

local Setting = {__mode = "v"}

local evaluation = {
  stacks = new_stacks(),
  get = function(module) return module.training end,
  set = function(module, on)
    if module.set_training then
      module:set_training(on)
    elseif on then -- a model that is no nn.Module has eval and train alone
      module:train()
    else
      module:eval()
    end
  end,
}

local gradients = {
  stacks = new_stacks(),
  get = function(parameter) return parameter.requires_grad end,
  set = function(parameter, on) parameter.requires_grad = on end,
}

-- What one call has set: a list of {property =, object =, setting =}.
local Held = {}

function Held.switch_off(held, property, object)
  local setting = setmetatable({before = property.get(object), coroutine = coroutine.running()}, Setting)
  local stack = property.stacks[object] or {}
  property.stacks[object] = stack
  stack[#stack + 1] = setting
  held[#held + 1] = {property = property, object = object, setting = setting}
  property.set(object, false)
end

-- Scopes of several coroutines need not end in the order of their nesting: where a later one holds, it puts back what
-- was before this one.
local function put_back(property, object, setting)
  local stack = property.stacks[object]
  for i, other in ipairs(stack) do
    if other == setting then
      table.remove(stack, i)
      if stack[i] then stack[i].before = setting.before end
      if #stack == 0 then property.stacks[object] = nil end
      if i > #stack then property.set(object, setting.before) end
      return
    end
  end
end

local properties = {eval = evaluation, frozen = gradients}

--- Says that an object was switched by hand, by module:train() for instance: a scope that is not under way, as its
-- coroutine was left inside it, puts that back in the end. kind: "eval" or "frozen".
function scope.switched(kind, object, on)
  for _, setting in ipairs(properties[kind].stacks[object] or {}) do
    local status = setting.coroutine and coroutine.status(setting.coroutine)
    if status ~= "running" and status ~= "normal" then setting.before = on end
  end
end

-- All of it, also where a module's own set_training raises.
function Held.__close(held)
  local fine, problem = true, nil
  for i = #held, 1, -1 do
    local one = held[i]
    held[i] = nil
    local ok, message = pcall(put_back, one.property, one.object, one.setting)
    if not ok then fine, problem = false, message end
  end
  if not fine then error(problem, 0) end
end

Held.__gc = Held.__close

-- Checks -----------------------------------------------------------------------------------------------------------

local function has(method) return function(value) return type(value) == "table" and value[method] ~= nil end end

local kinds = { -- of the settings; that of the seed is checked by the core
  recording = {"true or false", function(value) return type(value) == "boolean" end},
  seed = {"a whole number", function() return true end},
  eval = {"a model", has "eval"},
  frozen = {"a model", has "parameters"},
}

local function check_settings(settings)
  if type(settings) ~= "table" then core.error("scope: expected a table of settings, got " .. type(settings)) end
  for key, value in pairs(settings) do
    local kind = kinds[key]
    if not kind then core.error("scope: " .. text.unknown("setting", key, text.sorted_keys(kinds))) end
    if not kind[2](value) then core.error(("scope: %s: expected %s, got %s"):format(key, kind[1], type(value))) end
  end
end

--- Raises, in the name of a function that takes f, where f is nothing that can be called.
function scope.check_function(name, f)
  local meta = getmetatable(f)
  if type(f) ~= "function" and not (type(meta) == "table" and meta.__call) then
    core.error(("%s: expected a function, got %s"):format(name, type(f)))
  end
end

local function closed_after(object, ok, ...)
  if ok then return ... end
  getmetatable(object).__close(object)
  error((...), 0)
end

--- Calls f(...), returns its results, and closes an object (by its __close, which may be called twice) when f ends,
-- however it does. A coroutine that an error ends closes nothing by itself: there the error is raised a second time.
function scope.closing(object, f, ...)
  local last <close> = object
  if select(2, coroutine.running()) then return f(...) end
  return closed_after(last, pcall(f, ...))
end

local function run_held(held, settings, f, ...)
  local model = settings.eval
  if model and model.walk then
    model:walk(function(module) Held.switch_off(held, evaluation, module) end)
  elseif model then
    Held.switch_off(held, evaluation, model)
  end
  if settings.frozen then
    for _, parameter in ipairs(settings.frozen:parameters()) do Held.switch_off(held, gradients, parameter) end
  end
  return f(...)
end

--- Calls f(...) with these settings and returns its results: see above.
function scope.run(settings, f, ...)
  check_settings(settings)
  scope.check_function("scope", f)
  local _ <close> = core.scope(settings.recording, settings.seed)
  if not (settings.eval or settings.frozen) then return f(...) end
  local held = setmetatable({}, Held)
  return scope.closing(held, run_held, held, settings, f, ...)
end

return scope
