--- session.lua: makes calls with random arguments, and looks at what each leaves behind.
--
-- Calls come in rounds of ROUND; what a round does depends on the seed and its number alone, so that a call is made
-- again by its round.

local gl = require "genlat"
local values = require "spec.fuzz.api.values"
local targets = require "spec.fuzz.api.targets"

local core = gl.core
local random, pick, chance = math.random, values.pick, values.chance

local ROUND = 200
local SLOW = 8 -- seconds

local session = {ROUND = ROUND}

local library = debug.getinfo(gl.no_grad, "S").source:match "^@(.*)init%.lua$"

-- ---- what is looked at ---------------------------------------------------------------------------------------------

local function live()
  for _ = 1, 5 do collectgarbage() end
  return core.memory().live
end

local function place_free(text) return (text:gsub("^%S-:%d+: ", "")) end

-- Is an error's value a message for a user? nil, or what is wrong with it. The library's Lua functions do not check the
-- type of every argument: their errors may be Lua's.
local function unreadable(value, target)
  if value == values.user_error then return end
  if type(value) ~= "string" then return "the error is a " .. type(value) end
  if value:find "not enough memory" or value:find "out of memory" then return end
  local own = not target.unchecked and value:sub(1, #library) == library
  if own and (value:find "attempt to" or value:find "bad argument" or value:find "'for' " or value:find "invalid ") then
    return "a raw error of genlat's own file"
  end
  if own then return "the error names a line of genlat's own" end
  if value:find "bad argument #%-?%d+ to '%?'" then return "the error names no function" end
  if place_free(value) == "" then return "an empty message" end
end

-- The state that a call must leave as it was; put back where it did not.
local function check_state(report, target, threads)
  if not core.set_recording(true) then report "recording is left off" end
  if core.threads() ~= threads then
    if target.name ~= "core.threads" and target.name ~= "gl.threads" then report "the number of threads has changed" end
    core.threads(threads)
  end
  local seed, counter = core.rng_state()
  if seed ~= session.seed or counter < session.counter then
    if not target.name:find "%.seed$" and not target.name:find "rng_state$" then
      report(("the random state has changed: %d, %d"):format(seed, counter))
    end
    core.rng_state(session.seed, session.counter)
  else
    session.counter = counter
  end
end

-- ---- calls ---------------------------------------------------------------------------------------------------------

-- Some arguments replaced, left out or added.
local function spoil(list, n)
  for _ = 1, pick {1, 1, 2} do
    local what = random(10)
    if what == 1 then
      n = math.max(0, n - 1)
    elseif what == 2 then
      n = n + 1
      list[n] = values.anything()
    elseif n > 0 then
      local i = random(n)
      local view = what == 3 and values.kind(list[i]) == "tensor"
      list[i] = view and values.view(list[i]) or values.anything()
    end
  end
  return list, n
end

local function arguments(target)
  local ok, list, n = pcall(target.make)
  if not ok then return {}, 0 end
  n = n or #list
  if chance(3) then list, n = spoil(list, n) end
  return list, n
end

local function in_coroutine(f, ...)
  local co = coroutine.create(function(...) return f(...) end) -- f may be a table that can be called
  local results = table.pack(coroutine.resume(co, ...))
  for _ = 1, 4 do
    if coroutine.status(co) ~= "suspended" then break end
    results = table.pack(coroutine.resume(co)) -- or is dropped in the middle
  end
  if coroutine.status(co) == "suspended" then return true end
  return table.unpack(results, 1, results.n)
end

-- What is done with a result: kept, gone back from, printed.
local function follow(result)
  if result == nil then return end
  values.keep(result)
  if values.kind(result) ~= "tensor" then return end
  if not result.is_leaf and chance(2) then
    local gradient = result:numel() ~= 1 and result:numel() < 1 << 20 and gl.randn(result.shape) or nil
    local options = {gradient = gradient, retain_graph = chance(4)}
    session.log("backward " .. values.describe(options))
    local ok, message = pcall(result.backward, result, options)
    if not ok then return message end
    if chance(4) then
      ok, message = pcall(result.backward, result, options)
      if not ok then return message end
    end
  end
  if chance(20) then
    session.log "tostring"
    local ok, message = pcall(tostring, result)
    if not ok then return message end
  end
end

local function one_call(target, report)
  local list, n = arguments(target)
  session.log(("%s(%s)"):format(target.name, session.describe(list, n)))
  if chance(30) then core.memory_fail_after(random(0, 12)) end
  local call = chance(10) and in_coroutine or pcall
  local start = os.clock()
  local ok, result, _ = call(target.call, table.unpack(list, 1, n))
  core.memory_fail_after(-1)
  if session.show then print(("  %s %s"):format(ok, ok and values.describe(result) or tostring(result))) end
  if ok then _, result = pcall(follow, result) end -- the message of an error, if there was one
  local problem = result ~= nil and unreadable(result, target)
  if problem then report(("%s: %s"):format(problem, tostring(result))) end
  local seconds = os.clock() - start
  if seconds > SLOW then report(("took %.1f seconds"):format(seconds)) end
end

-- ---- rounds --------------------------------------------------------------------------------------------------------

local list, total

local function choose()
  local at = random(total)
  for _, target in ipairs(list) do
    at = at - target.weight
    if at <= 0 then return target end
  end
end

local function begin_round(seed, number)
  math.randomseed(seed, number)
  values.pool = {}
  session.seed, session.counter = random(1 << 40), 0
  gl.seed(session.seed)
  collectgarbage(pick {"incremental", "generational"})
  values.layers = {core.new_layer("Linear", 3, 2), core.new_layer("Conv2d", 3, 2, 2), core.new_layer("Dropout", 0.5)}
end

local function round(seed, number, last, threads)
  begin_round(seed, number)
  local before = live()
  for i = 1, last do
    session.call = (number - 1) * ROUND + i
    local target = choose()
    local function report(what) session.finding(target.name, what) end
    one_call(target, report)
    check_state(report, target, threads)
    if chance(40) then values.pool = {} end
    if chance(25) then collectgarbage() elseif chance(10) then collectgarbage "step" end
  end
  values.pool, values.layers = {}, {}
  local left = live() - before
  if left > 0 and last == ROUND then session.finding("a round", ("%d bytes stay alive"):format(left)) end
end

--- Gathers what there is to call, before the process goes to another folder.
function session.prepare()
  list, total = targets.all(), 0
  for _, target in ipairs(list) do total = total + target.weight end
end

--- Makes the calls first .. last of a seed (whole rounds but for the last) with the functions of `hooks`: log(text)
--- before each call, finding(name, what), stop() between rounds.
function session.run(seed, first, last, hooks)
  for key, value in pairs(hooks) do session[key] = value end
  local threads = core.threads()
  local number = (first - 1) // ROUND + 1
  while (number - 1) * ROUND < last and not session.stop() do
    round(seed, number, math.min(ROUND, last - (number - 1) * ROUND), threads)
    number = number + 1
  end
end

function session.describe(arguments_, n)
  local words = {}
  for i = 1, n do words[i] = values.describe(arguments_[i]) end
  return table.concat(words, ", ")
end

return session
