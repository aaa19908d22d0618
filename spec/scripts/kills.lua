-- kills.lua: training scripts that are killed on their way and gone on with.
--
-- Where a process is killed is counted in Lua's instructions, not in seconds, so that how busy the machine is does not
-- matter: anywhere from its start to its end, or while it trains; or else while it writes a file.

local gl = require "genlat"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local kills = {}

local UNIT = 20 -- instructions a tick

-- Runs before the script: counts ticks, in all and from the training's beginning to its end, and the files of tensors
-- written; kills the process when one of them has the number that is given, and leaves the numbers in a file.
local PRELUDE = [[
local at, tick, path = %s, %d, %q
local function kill(delay)
  io.popen(("sleep %%.4f; kill -KILL $PPID"):format(delay or 0), "r")
end
local count, training = {all = 0, training = 0, saving = 0}, false
local function one_more(what)
  count[what] = count[what] + 1
  return count[what] == at[what]
end
debug.sethook(function()
  local now = one_more "all"
  now = training and one_more "training" or now
  if not now then return end
  kill()
  while true do end
end, "", tick)
require "genlat"
local core = require "genlat.core"
local catch, release, write = core.catch_interrupt, core.release_interrupt, core.safetensors_write
function core.catch_interrupt(...) training = true return catch(...) end
function core.release_interrupt(...) training = false return release(...) end
function core.safetensors_write(...)
  if one_more "saving" then kill(at.delay) end
  return write(...)
end
at_exit = setmetatable({}, {__gc = function()
  local file = io.open(path, "w")
  file:write(("return {all = %%d, training = %%d, saving = %%d}"):format(count.all, count.training, count.saving))
  file:close()
end})]]

local function literal(at)
  local words = {}
  for name, number in pairs(at) do words[#words + 1] = ("%s = %s"):format(name, number) end
  return "{" .. table.concat(words, ", ") .. "}"
end

--- Runs a script, which is killed at = {all =, training = or saving = the number, delay = of the latter in seconds}
-- (nowhere where that is empty). Returns what was counted (nil where it was killed), what it said, and its status.
function kills.run(script, arguments, at)
  local name, counted = os.tmpname(), os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(PRELUDE:format(literal(at or {}), UNIT, counted))
  file:close()
  local _, errors, status = shell.run(("LUA_INIT='@%s' %s >/dev/null"):format(name,
    shell.lua("scripts/" .. script, arguments)))
  local counts = dofile(counted)
  os.remove(name)
  os.remove(counted)
  return counts, errors, status
end

-- A moment of chance; counts: of a run that is not killed.
local function moment(counts)
  local kind = ({"all", "training", "training", "saving"})[math.random(4)]
  local most = kind == "all" and counts.all or math.max(1, counts[kind] // 3)
  return {[kind] = math.random(most), delay = math.random() * 0.004}
end

-- Runs a script into `folder`, kills it at most so many times, goes on each time, and lets it end. Returns how often it
-- was killed, and how the last run ended.
local function resume(script, arguments, folder, times, counts)
  local killed = 0
  while true do
    local words = gl.core.file_kind(folder .. "/checkpoint.safetensors") and arguments .. " --resume" or arguments
    local _, errors, status = kills.run(script, words, killed < times and moment(counts) or nil)
    if status ~= 137 then return killed, errors, status end
    killed = killed + 1
  end
end

-- The tensors of a checkpoint, and the rest of it without what differs from time to time: how long it took.
local function untimed(folder)
  local tensors, metadata = assert(safetensors.load(folder .. "/checkpoint.safetensors"))
  local state = json.decode(metadata.state)
  state.seconds = nil
  for _, row in ipairs(state.rows) do row.seconds = nil end
  return tensors, json.encode(state)
end

-- Are the checkpoints of two folders the same, bit for bit?
local function same_checkpoint(a, b)
  local tensors, state = untimed(a)
  local others, other_state = untimed(b)
  if state ~= other_state then return false end
  for name, tensor in pairs(tensors) do
    if not others[name] or tensor:ne(others[name]):sum():item() ~= 0 then return false end
    others[name] = nil
  end
  return next(others) == nil
end

--- Trains by a script as a whole, and again and again with kills on the way, until there were `times` of them; asserts
-- that each run ends with the same model and checkpoint. arguments: a pattern with the folder's place. Returns the
-- number of kills and of runs.
function kills.check(script, arguments, times)
  local whole, killed, runs = Folder.new(), 0, 0
  local counts, said = kills.run(script, arguments:format(whole.name))
  assert(counts, said)
  while killed < times do
    local broken = Folder.new()
    local n, errors, status = resume(script, arguments:format(broken.name), broken.name, times - killed, counts)
    assert(status == 0 and errors == "", errors)
    assert(whole:read "model.safetensors" == broken:read "model.safetensors", "another model")
    assert(same_checkpoint(whole.name, broken.name), "another checkpoint")
    assert(broken:read "report.html")
    killed, runs = killed + n, runs + 1
    broken:remove()
  end
  whole:remove()
  return killed, runs
end

return kills
