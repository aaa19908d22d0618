--- train: what the training scripts share. The loop itself stands in each script.
--
-- train.options (command lines), train.run (the run folder: progress, log, checkpoints), train.evaluate,
-- train.pictures and train.results (what a finished run leaves).

local check = require "genlat.check"
local core = require "genlat.core"
local chunks = require "genlat.chunks"
local dataset = require "genlat.runs.dataset"
local lazy = require "genlat.lazy"
local scope = require "genlat.scope"
local text = require "genlat.text"

local public = {"classifier", "comparison", "gan", "losses", "options", "results", "run"}
local parts_of_those = {"progress", "retrain"}

local train = lazy.fields({}, lazy.modules("genlat.train", public), lazy.modules("genlat.train", parts_of_those))

-- A script's print: what it says may quote names from files.
local function print_shown(...)
  local words = table.pack(...)
  for i = 1, words.n do
    words[i] = text.shown_lines(tostring(words[i]))
  end
  local written, problem = io.stdout:write(table.concat(words, "\t"), "\n")
  if written then written, problem = io.stdout:flush() end -- as print does
  if not written then core.note_unwritten(problem) end
end

-- An error as a script's last words: without the line of the script that led to it, unless it is a mistake of genlat's.
local function last_words(problem)
  if os.getenv "GENLAT_TRACEBACK" then return debug.traceback(problem, 2) end
  return problem:find("attempt to ", 1, true) and problem or (problem:gsub("^[^%s:]+:%d+: ", "", 1))
end

local SIGNALS = {
  [1] = "SIGHUP", [2] = "Ctrl-C", [15] = "SIGTERM", [24] = "SIGXCPU: its processor time is used up (ulimit -t)",
  [25] = "SIGXFSZ: a file would be larger than the limit (ulimit -f)",
}

-- Ends the process as shells expect of one that a signal stopped. told: whether that was said already.
local function end_stopped(signal, told)
  if not told then
    train.progress.erase()
    io.stderr:write("stopped by ", SIGNALS[signal] or "signal " .. signal, "\n")
  end
  os.exit(128 + signal, true)
end

--- Runs a script's body. An error ends it with the message in one line and status 1. A signal that ends programs
-- (Ctrl-C, SIGTERM, SIGHUP, SIGXCPU, SIGXFSZ) ends it too, with 128 and the signal's number as its status; what was
-- begun is undone before, so that no file is left half written. A second signal ends it at once. Output that could not
-- be written (to a full disk, say) ends it with a line and status 1.
function train.main(body)
  core.guard_output()
  rawset(_G, "print", print_shown) -- a script's process is its own
  core.raise_on_signal(true)
  local ok, problem = xpcall(body, function(problem)
    return type(problem) == "string" and last_words(problem) or problem
  end)
  local signal = core.raise_on_signal(false)
  if signal then end_stopped(signal) end
  if ok or type(problem) == "table" and problem.finished then return end
  if type(problem) == "table" and problem.interrupted then end_stopped(problem.interrupted, true) end
  train.progress.erase()
  io.stderr:write(text.shown_lines(tostring(problem)), "\n")
  os.exit(1, true)
end

--- value, or an error with the message: for functions that return nil and a message.
function train.check(value, message)
  if value == nil then error(message, 0) end
  return value
end

--- Calls a function and then closes the value, also after an error: <close> for scripts, which an older Lua has to be
-- able to read up to the line that tells it so.
function train.closing(value, body)
  local _ <close> = value
  return body()
end

--- The data set of a run, and what a run notes of it: see runs/dataset.lua.
--
--   local data = train.check(train.data.open(run))
train.data = dataset

local EVALUATION_SEED = 20131220
local EVALUATED = 500 -- images at a time, at most

--- The mean of model:loss over a split, in evaluation, unrecorded: {loss =, reconstruction =, kl =}, nats per image.
-- Draws from a seed of its own, so that it neither changes training nor differs from time to time.
-- Options: binarize.
function train.evaluate(model, split, options)
  check.arguments("train.evaluate", "model:model split:split options:table?", model, split, options)
  local o = check.options("train.evaluate", options, {binarize = {check.text}})
  if not model.loss then
    check.fail("train.evaluate: %s has no loss(x, labels); gl.metrics.evaluate measures what models draw",
      text.a(model:name()))
  end
  local samples = model.config and model.config.samples or 1 -- decoded for each image
  local size = chunks.size(chunks.floats(model, split) * samples, math.ceil(EVALUATED / samples))
  return scope.run({recording = false, seed = EVALUATION_SEED, eval = model}, function()
    local sums = {loss = 0, reconstruction = 0, kl = 0}
    for _, x, labels in split:batches {size = size, shuffle = false, binarize = o.binarize} do
      local parts = model:loss(x, labels)
      for key in pairs(sums) do
        sums[key] = sums[key] + parts[key]:item() * #x
      end
    end
    for key, sum in pairs(sums) do
      sums[key] = sum / split.count
    end
    return sums
  end)
end

return train
