--- api.lua: the fuzzer of genlat's API, for make fuzz-api:
--   lua spec/fuzz/api.lua --lua LUA --folder FOLDER [--seconds N] [--calls N] [--seed N] [--call N]
--
-- This process starts others, in a Lua that has the sanitizers, each for the calls of one seed (session.lua). Where one
-- dies, the call that it was making is reported, and another continues with the next round. Ends with status 1 where
-- anything was found. --call N makes only the round of call N, up to it, and shows its calls.

local CALLS_OF_A_SEED, ROUND = 100000, 200 -- session.lua makes calls in rounds

local options = {seconds = math.huge, calls = math.huge, seed = 1}
for i = 1, #arg, 2 do
  options[arg[i]:match "^%-%-(.*)"] = math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
end

local function path(name) return options.folder .. "/" .. name end

local function read(file)
  local f = io.open(file, "rb")
  local text = f and f:read "a" or ""
  if f then f:close() end
  return text
end

-- ---- the process that makes calls ----------------------------------------------------------------------------------

local function child()
  local watch = require "watch"
  local values = require "spec.fuzz.api.values"
  local session = require "spec.fuzz.api.session"
  values.scratch = path "scratch"
  watch.open(path "call")
  local found = assert(io.open(path "found", "a"))
  session.prepare()
  watch.enter(values.scratch)
  local start = os.time()
  local only = options.call
  local hooks = {show = only ~= nil}
  function hooks.log(text)
    watch.call(("%d %s"):format(session.call, text), 12)
    if only then print(session.call, text) end
  end
  function hooks.finding(name, what)
    found:write(("seed %d call %d: %s: %s\n"):format(options.seed, session.call, name, what:gsub("%c", "?")))
    found:flush()
  end
  function hooks.stop() return os.time() - start >= options.seconds end
  session.run(options.seed, options.first, options.last, hooks)
  watch.call(tostring(session.call), 0)
end

-- ---- the process that watches --------------------------------------------------------------------------------------

-- What asks for too much memory is refused: one allocation by its size, all of them by their sum.
local LIMITS = "max_allocation_size_mb=200:soft_rss_limit_mb=3000:handle_abort=1"

-- Makes the calls in a process of their own; returns what os.execute does.
local function calls_from(seed, first, last, seconds)
  local scratch = path "scratch"
  local output = options.call and "--call " .. options.call or ("> '%s' 2> '%s'"):format(path "output", path "errors")
  return os.execute(([[
    rm -rf '%s' && mkdir -p '%s' && ASAN_OPTIONS=%s '%s' spec/fuzz/api.lua --child 1 --folder '%s' \
      --seed %d --first %d --last %d --seconds %s %s]])
    :format(scratch, scratch, LIMITS, options.lua, options.folder, seed, first, last, seconds, output))
end

-- The part of what a sanitizer, or a dying process, has said that is worth reading.
local function last_words()
  local text = read(path "errors")
  local at = text:find "ERROR: " or text:find "runtime error" or text:find "fuzz%-api:" or math.max(1, #text - 2000)
  return text:sub(at, at + 3000)
end

local found, kinds, different, total = 0, {}, 0, 0

-- Reports each kind of finding once.
local function report(line, more)
  local kind = line:gsub("^seed %d+ call %d+: ", ""):gsub("%d+", "N")
  found = found + 1
  if kinds[kind] then return end
  kinds[kind] = true
  different = different + 1
  print(line .. (more and "\n" .. more or ""))
  io.stdout:flush()
end

local function parent()
  local start, seed = os.time(), options.seed
  local function left() return options.seconds - (os.time() - start) end
  while total < options.calls and left() > 0 do
    local first, last = 1, math.min(CALLS_OF_A_SEED, options.calls - total) // 1 | 0
    while first <= last and left() > 0 do
      os.remove(path "found")
      local ok, how, status = calls_from(seed, first, last, left() < math.huge and left() or 1 << 40)
      local call, what = read(path "call"):match "^(%d+) ?([^\0]*)"
      if not call then error("no call was made:\n" .. last_words()) end
      for line in read(path "found"):gmatch "[^\n]+" do report(line) end
      if not ok then report(("seed %d call %s: %s %s in %s"):format(seed, call, how, status, what), last_words()) end
      local begun = first
      first = (call - 1) // ROUND * ROUND + ROUND + 1 | 0
      total = total + call - begun + 1
    end
    seed = seed + 1
  end
  print(("%d calls, seeds %d to %d, %d seconds, %d findings of %d kinds"):format(total, options.seed, seed - 1,
    os.time() - start, found, different))
  os.exit(found == 0)
end

if options.child then
  child()
elseif options.call then
  calls_from(options.seed, (options.call - 1) // ROUND * ROUND + 1, options.call, 1 << 40)
else
  parent()
end
