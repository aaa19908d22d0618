--- retrain.lua: training a run again as it was trained, without one of the classes, in a process of its own.
--
-- A run's notes say which script trained it and with which options.

local core = require "genlat.core"
local folders = require "genlat.runs.folder"
local json = require "genlat.json"
local models = require "genlat.models"
local text = require "genlat.text"

local retrain = {}

local quote = text.quoted

-- The interpreter that runs this program.
local function interpreter()
  local i = 0
  while arg[i - 1] do
    i = i - 1
  end
  return arg[i]
end

-- A run's options as words of a command line, without those left out of `skip`. They come from a file: a name that is
-- none raises, and values are quoted.
local function words_of(options, skip)
  local keys, words = {}, {}
  for key in pairs(options) do
    if not skip[key] then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    if not key:match "^%l[%l_]*$" then error(("the run names an option '%s', which is none"):format(key), 0) end
    local value, name = options[key], "--" .. key:gsub("_", "-")
    if type(value) == "table" then value = #value > 0 and table.concat(value, ",") end
    if value == true then
      words[#words + 1] = name
    elseif value then
      words[#words + 1] = name .. "=" .. quote(value)
    end
  end
  return table.concat(words, " ")
end

local function same(a, b, except)
  for _, pair in ipairs {{a, b}, {b, a}} do
    for key, value in pairs(pair[1]) do
      if not except[key] and json.encode(value) ~= json.encode(pair[2][key]) then return false, key end
    end
  end
  return true
end

--- What there is of the run in `folder`, which must be like the one with these notes but without a class: "finished",
-- "begun" or "missing"; or nil and a message where it is another one.
function retrain.state(folder, notes, class)
  if core.file_kind(folders.file(folder, folders.MODEL)) ~= "file" then
    return folders.has_checkpoint(folder) and "begun" or "missing"
  end
  local model, found = models.load(folder)
  if not model then return nil, found end
  local options = found.options or {}
  local equal, key = same(options, notes.options, {without = true, epochs = true})
  if found.run ~= notes.run or not equal then
    return nil, text.message("%s: trained otherwise than the run itself (%s): move it away", folder,
      equal and "by another script" or "--" .. key)
  elseif options.without ~= class then
    return nil, text.message("%s: trained without %s, not without %s", folder, tostring(options.without), class)
  end
  local done = found.epochs >= notes.options.epochs and core.file_kind(folders.file(folder, folders.REPORT)) == "file"
  return done and "finished" or "begun"
end

--- Seconds that the run in `folder` took to train, by its log; nil where there is none.
function retrain.seconds(folder)
  local file, seconds = io.open(folders.file(folder, folders.LOG)), nil
  if not file then return nil end
  for line in file:lines() do
    seconds = tonumber(line:match "^%d+,([%d.]+)") or seconds
  end
  file:close()
  return seconds
end

--- Trains the run with these notes again, without a class, into `folder`, or goes on with it where it was interrupted.
-- scripts: the folder of the training scripts; threads: how many, or nil. The process' progress bar shows, what it
-- prints does not. Returns true, or nil and a message.
function retrain.without(folder, notes, class, scripts, threads)
  if not tostring(notes.run):match "^%l[%l_]*$" then error("the run does not say which script trained it", 0) end
  local script = ("%s/train_%s.lua"):format(scripts, notes.run)
  if core.file_kind(script) ~= "file" then return nil, script .. ": there is no such training script" end
  local command = ("exec env LUA_PATH=%s LUA_CPATH=%s %s %s %s --without=%s %s --%s=%s >/dev/null"):format(
    quote(package.path), quote(package.cpath), quote(interpreter()), quote(script),
    words_of(notes.options, {without = true}), quote(class), threads and "--threads " .. threads or "",
    folders.has_checkpoint(folder) and "resume" or "out", quote(folder))
  local ok, _, status = core.execute(command)
  if ok then return true end
  return nil, text.message("training without %s %s: the same command goes on with it", class,
    status == 130 and "was stopped" or "ended with status " .. tostring(status))
end

return retrain
