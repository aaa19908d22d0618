--- run.lua: a run: its progress, log and checkpoints, and going on where it stopped.
--
-- A checkpoint (runs/checkpoint.lua) is replaced in one go, and only by one whose numbers are all finite; so a run that
-- was killed at any moment and resumed gives the same weights, bit for bit, as one that was not, and one whose loss
-- became NaN goes on from its last good state. The run's folder (runs/folder.lua) is locked while it trains.

local checkpoint = require "genlat.runs.checkpoint"
local core = require "genlat.core"
local folder = require "genlat.runs.folder"
local json = require "genlat.json"
local lock = require "genlat.runs.lock"
local models = require "genlat.models"
local text = require "genlat.text"
local train = require "genlat.train"
local Progress = require "genlat.train.progress"

local Run = {}
Run.__index = Run

local CHECKPOINT_SECONDS = 30 -- from one checkpoint within an epoch to the next
local OF_SESSION = {threads = true, quiet = true, out = true, resume = true, changed_data = true} -- not the run's
local MAY_CHANGE = {epochs = true, lr = true, data = true, test_data = true} -- on resuming: see runs/dataset.lua

-- The folder ----------------------------------------------------------------------------------------------------------

-- The folder of the run to go on with.
local function resumed_folder(options)
  local values = options.values
  local path = values.resume[1] or values.out
  if not path then
    path = folder.newest(options.run)
    if not path then error(("--resume: there is no runs/%s yet"):format(options.run), 0) end
  end
  local kind = core.file_kind(path)
  if not kind then error(("--resume: %s: there is no such folder"):format(path), 0) end
  if kind == "file" then error(("--resume: %s: that is a file, not a run's folder"):format(path), 0) end
  if folder.has_checkpoint(path) then return path end
  local other = not values.resume[1] and not values.out and folder.newest(options.run, folder.has_checkpoint)
  error(("--resume: %s: there is no %s to go on from%s"):format(path, folder.CHECKPOINT,
    other and (" (%s has one: --resume %s)"):format(other, other) or ""), 0)
end

local function hold(self) self.lock, self.warning = train.check(lock.take(self.folder)) end

-- The folder of a new run, where the user names one: a run that is there is locked at once, so that nothing is
-- loaded in vain. It is not touched before training begins.
local function open_new(self, path)
  self.folder = path
  if not path then return end
  local kind = core.file_kind(path)
  if kind == "file" then error(path .. ": that is a file, not a folder", 0) end
  local stranger = kind and folder.in_the_way(path)
  if stranger then
    error(("--out: %s has a file %s, which is not a run's and would be replaced: choose another folder"):format(path,
      stranger), 0)
  end
  if kind and folder.holds_run(path) then hold(self) end
end

local function same(a, b) return json.encode(a) == json.encode(b) end

local function text_of(value) return type(value) == "table" and table.concat(value, ",") or tostring(value) end

-- The options that the run was started with take the place of defaults; other wishes than those are mistakes.
local function take_saved(path, options, saved)
  for _, key in ipairs(options.order) do
    local given, was = options.given[key], saved[key]
    local fits, problem = options.fits(key, was)
    if not fits then
      error(text.message("%s: state.options.%s: %s", folder.file(path, folder.CHECKPOINT), key, problem), 0)
    end
    if not OF_SESSION[key] and not (MAY_CHANGE[key] and given ~= nil) then
      if given ~= nil and not same(given, was) then
        error(("--%s: this run was started %s, not %s"):format(key,
          was == nil and "without it" or "with " .. text_of(was), text_of(given)), 0)
      end
      if was ~= nil then options.values[key] = was end -- an option that is younger than the run keeps its default
    end
  end
end

-- A run that has done all its epochs and left its report has nothing to go on with.
local function end_finished(self, state)
  if not state.ended or state.epoch <= self.values.epochs then return end
  self:say("%s is finished: %s done (--epochs goes on to more)", self.folder, state.epoch == 2 and "its epoch is"
    or ("its %d epochs are"):format(state.epoch - 1))
  print(state.ended)
  error {finished = true}
end

-- --resume A goes on in A. --resume A --out B leaves A as it is and goes on in B, where there is no run yet.
local function open_resumed(self, options)
  local from, out = resumed_folder(options), options.values.out
  local moves = out and core.real_path(out) ~= core.real_path(from)
  if not moves then
    self.folder = from
    hold(self)
  end
  local state, tensors = checkpoint.load(from)
  if not state then error(tensors, 0) end
  if state.run ~= options.run then
    error(("%s: a run of train_%s, not of train_%s"):format(from, tostring(state.run), options.run), 0)
  end
  take_saved(from, options, state.options)
  if moves then
    if folder.holds_run(out) then error(("--out: there is a run in %s already"):format(out), 0) end
    open_new(self, out)
  else
    end_finished(self, state)
  end
  self.saved = {state = state, tensors = tensors, from = from}
  self.notes = state.notes or {}
end

--- Opens the folder for a new run or, with --resume, the run that is there. options: what Options:parse returns, whose
-- values then hold what to use. Sets threads and seed. What cannot begin leaves no folder.
function Run.open(options)
  local self = setmetatable({
    name = options.run, values = options.values, epoch = 1, step = 1, rows = {}, seconds = 0, sums = {}, keep = {},
    memory = {}, notes = {}, rates = {}, given = options.given,
  }, Run)
  self.progress = Progress.new(not self.values.quiet)
  local ok, problem
  if options.values.resume then
    ok, problem = pcall(open_resumed, self, options)
  else
    ok, problem = pcall(open_new, self, options.values.out)
  end
  if not ok then
    if self.lock then self.lock:release() end
    error(problem, 0)
  end
  if self.values.threads then core.threads(self.values.threads) end
  core.seed(self.values.seed)
  return self
end

-- Makes the folder and takes it for this run; what another run left there is kept.
local function enter_folder(self)
  if self.folder then
    train.check(core.mkdirs(self.folder))
    if not self.lock then hold(self) end
  else
    local busy
    repeat -- another process may have been given this folder by name, and hold it
      self.folder = train.check(folder.claim(self.name))
      self.lock, self.warning, busy = lock.take(self.folder)
    until not busy
    train.check(self.lock, self.warning)
    self:say("this run is %s", self.folder)
  end
  if self.warning then self:say("%s", self.warning) end
  if self.saved then return end
  local aside, message = folder.set_aside(self.folder)
  if message then error(message, 0) end
  if aside then self:say("%s: the run that was here is kept in %s", self.folder, aside) end
end

-- Checkpoints ---------------------------------------------------------------------------------------------------------

local function plain_options(values)
  local plain = {}
  for key, value in pairs(values) do
    if not OF_SESSION[key] then plain[key] = value end
  end
  return plain
end

-- Ends the run whose numbers are no longer any: `what` became so. Its checkpoint and its model stay as they are.
local function diverge(self, what, step)
  self.progress:clear()
  local place = self.saved_place
  error(("%s became NaN or infinite in epoch %d at step %d: %s"):format(what, self.epoch, step, place
    and ("%s keeps its state of epoch %d, step %d; go on from there with a smaller rate: --resume %s --lr %g"):format(
      self.folder, place.epoch, place.step, folder.word(self.folder), self.values.lr / 2)
    or "nothing was saved"), 0)
end

-- Ends the run where a parameter, a buffer or the optimizer's state is not finite.
local function check_tensors(self, step)
  local flaw = checkpoint.flaw(self.model, self.optimizers)
  if flaw then diverge(self, flaw:gsub("^model%.", ""), step) end
end

local function is_finite(value) return value - value == 0 end

--- Writes the checkpoint; where a number in it is not finite, ends the run instead.
function Run:save()
  check_tensors(self, self.step - 1)
  train.check(checkpoint.save(self.folder, {
    run = self.name, options = plain_options(self.values), epoch = self.epoch, step = self.step, rows = self.rows,
    sums = self.sums, seconds = self:elapsed(), memory = self.memory, notes = self.notes, rates = self.rates,
    ended = self.ended,
  }, self))
  self.saved_at, self.saved_place = core.clock(), {epoch = self.epoch, step = self.step, rng = {core.rng_state()}}
end

local function restore(self)
  local state = self.saved.state
  train.check(checkpoint.restore(self.saved.from, state, self.saved.tensors, self))
  self.epoch, self.step, self.rows, self.seconds = state.epoch, state.step, state.rows, state.seconds
  self.sums, self.memory = state.sums, state.memory
  self.rates = state.rates or {{epoch = 1, step = 1, lr = state.options.lr}}
  if self.saved.from ~= self.folder then
    self:say("going on in %s from %s at epoch %d, step %d", self.folder, self.saved.from, self.epoch, self.step)
  elseif self.epoch > self.values.epochs then
    self:say("%s has done its %s", self.folder, text.count(self.values.epochs, "epoch"))
  else
    self:say("going on with %s at epoch %d, step %d", self.folder, self.epoch, self.step)
  end
end

-- Notes the learning rate, and where it is another than before says so.
local function note_rate(self)
  local last, lr = self.rates[#self.rates], self.values.lr
  if last and last.lr == lr then return end
  if last then self:say("the learning rate is %g from here on; it was %g", lr, last.lr) end
  self.rates[#self.rates + 1] = {epoch = self.epoch, step = self.step, lr = lr}
end

--- Gives the run what it trains; where it goes on with an earlier one, model and optimizers take up its state.
-- parts: {model =, models = {name = model} where model is made of several, optimizers = {name = optimizer},
--   steps = in an epoch,
--   train = names of what is measured while training (the first is shown by the progress bar), test = after an epoch,
--   text = function(values) that puts either into words, last_line = function(test) for the script's last line (its
--   default is that of a loss)}. The log has a column for each measure.
-- What a script puts into run.keep (tensors by name) and run.memory (plain data; parts.memory_rule checks that of a
-- file) is part of the checkpoint too. So is run.notes (plain data by name: what the data set was, its classes), which
-- the notes of the model hold as well; a resumed run has it from Run.open on.
function Run:begin(parts)
  for key, value in pairs(parts) do
    self[key] = value
  end
  if self.saved then restore(self) end
  enter_folder(self) -- not before: what cannot begin leaves no folder
  note_rate(self)
  self.began = core.clock()
  if self.saved and self.saved.from ~= self.folder and self.epoch > 1 and self.step == 1 then self:save_model() end
  if self.epoch <= self.values.epochs then core.catch_interrupt() end -- from here on a signal leaves a checkpoint
  self:save()
  self.saved = nil
  self.progress:start(self.values.epochs * self.steps, (self.epoch - 1) * self.steps + self.step - 1)
end

-- Along the way -------------------------------------------------------------------------------------------------------

--- Seconds of training so far, over all sessions.
function Run:elapsed() return self.seconds + (self.began and core.clock() - self.began or 0) end

--- Prints a line, unless the run is quiet.
function Run:say(format, ...)
  if self.values.quiet then return end
  self.progress:clear()
  print(format:format(...))
end

local function images_per_second(batch)
  return function(steps) return ("%d images/s"):format(math.floor(steps * batch)) end
end

-- Ctrl-C or another signal that ends programs: what is done is kept.
local function stop(self, signal)
  self:save()
  self.progress:clear()
  local epoch, step = self.epoch, self.step - 1
  if step == 0 then epoch, step = epoch - 1, self.steps end
  io.stderr:write(("stopped in epoch %d at step %d; go on with --resume %s\n"):format(epoch, step,
    folder.word(self.folder)))
  error {interrupted = signal} -- which is said
end

local function stop_if_asked(self)
  local signal = core.interrupted()
  if signal then stop(self, signal) end
end

local function value_of(x) return type(x) == "number" and x or x:item() end

--- Says that a step was taken on a batch of n images: values are what `train` names, numbers or tensors of one element.
function Run:stepped(values, n)
  local sums, first = self.sums, self.train[1]
  sums.images = (sums.images or 0) + n
  for _, name in ipairs(self.train) do
    local value = value_of(values[name])
    if not is_finite(value) then diverge(self, "train_" .. name, self.step) end
    sums[name] = (sums[name] or 0) + value * n
  end
  self.step = self.step + 1
  if self.step > self.steps then check_tensors(self, self.steps) end -- before the epoch's end makes anything of them
  stop_if_asked(self)
  if core.clock() - self.saved_at > CHECKPOINT_SECONDS then self:save() end
  self.progress:update(("epoch %d/%d"):format(self.epoch, self.values.epochs),
    (self.epoch - 1) * self.steps + self.step - 1, images_per_second(self.values.batch),
    ("%s %.2f"):format(first:gsub("_", " "), sums[first] / sums.images))
end

local function write_log(self)
  local head, lines = {"epoch", "seconds"}, {}
  for _, kind in ipairs {"train", "test"} do
    for _, name in ipairs(self[kind]) do
      head[#head + 1] = kind .. "_" .. name
    end
  end
  head[#head + 1] = "lr"
  local changes = self.notes.data_changes
  if changes then head[#head + 1] = "data_changes" end
  lines[1] = table.concat(head, ",")
  for i, row in ipairs(self.rows) do
    local cells = {("%d"):format(row.epoch), ("%.2f"):format(row.seconds)}
    for _, kind in ipairs {"train", "test"} do
      for _, name in ipairs(self[kind]) do
        cells[#cells + 1] = row[kind][name] and ("%.4f"):format(row[kind][name]) or ""
      end
    end
    cells[#cells + 1] = ("%.6g"):format(row.lr or self.rates[1].lr)
    if changes then cells[#cells + 1] = ("%d"):format(row.data_changes or 0) end
    lines[i + 1] = table.concat(cells, ",")
  end
  train.check(core.write_file(folder.file(self.folder, folder.LOG), table.concat(lines, "\n") .. "\n"))
end

--- Ends the epoch: logs what was measured in training and, with the numbers given, in the test, and saves.
function Run:finish_epoch(test)
  for _, name in ipairs(self.test) do
    if not is_finite(test[name]) then diverge(self, "test_" .. name, self.steps) end
  end
  check_tensors(self, self.steps)
  local mean = {}
  for _, name in ipairs(self.train) do
    mean[name] = self.sums[name] / self.sums.images
  end
  self.rows[#self.rows + 1] = {
    epoch = self.epoch, seconds = self:elapsed(), train = mean, test = test, lr = self.values.lr,
    data_changes = self.notes.data_changes and #self.notes.data_changes,
  }
  write_log(self)
  self:say("%s", Progress.fold({
    ("epoch %3d"):format(self.epoch), "train " .. self.text(mean), "test " .. self.text(test),
    ("%.1f s"):format(self:elapsed()),
  }, Progress.columns()))
  self.epoch, self.step, self.sums = self.epoch + 1, 1, {}
  self:save_model() -- first: a run that is killed between the two goes on from the older checkpoint, not past the model
  self:save()
  stop_if_asked(self)
  if self.epoch > self.values.epochs then core.release_interrupt() end -- all is saved: what comes now may be cut short
end

--- Writes model.safetensors; of a run of several models, a file for each.
function Run:save_model()
  local notes = {run = self.name, options = plain_options(self.values), epochs = self.epoch - 1}
  for name, value in pairs(self.notes) do
    notes[name] = value
  end
  for name, model in pairs(self.models or {model = self.model}) do
    train.check(models.save(folder.file(self.folder, name .. ".safetensors"), model, notes))
  end
end

--- What the last epoch's test measured.
function Run:last_test() return self.rows[#self.rows].test end

--- The learning rates in words: "0.001", or "0.001, from epoch 3 on 0.0005".
function Run:rates_text()
  local words = {}
  for i, rate in ipairs(self.rates) do
    words[i] = i == 1 and ("%g"):format(rate.lr) or ("from epoch %d%s on %g"):format(rate.epoch,
      rate.step > 1 and (", step %d,"):format(rate.step) or "", rate.lr)
  end
  return table.concat(words, ", ")
end

--- Ends the run: `results` (train.results.of(data) or the like) writes its pictures and report; then the last line.
function Run:finish(results)
  self.progress:clear()
  self.model:eval()
  results(self)
  self.ended = self.last_line and self.last_line(self:last_test())
    or ("test loss %s nats per image"):format(self.text(self:last_test()))
  core.rng_state(table.unpack(self.saved_place.rng)) -- as before the pictures: more epochs may follow
  self:save() -- that it has ended, so that going on with it does nothing
  self.lock:release()
  self:say("%s shows what it learned", folder.file(self.folder, folder.REPORT))
  print(self.ended)
end

return Run
