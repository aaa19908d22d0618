--- run.lua: a run's folder: its progress, log and checkpoints, and going on where it stopped.
--
-- A checkpoint holds parameters, optimizer state, the state of the random numbers, the place in the epoch and the log
-- so far, and is replaced in one go; so a run that was killed at any moment and resumed gives the same weights, bit for
-- bit, as one that was not.

local core = require "genlat.core"
local json = require "genlat.json"
local models = require "genlat.models"
local safetensors = require "genlat.safetensors"
local train = require "genlat.train"
local Progress = require "genlat.train.progress"

local Run = {}
Run.__index = Run

local CHECKPOINT_SECONDS = 30 -- from one checkpoint within an epoch to the next
local MAY_CHANGE = {epochs = true, threads = true, quiet = true, out = true, resume = true} -- on resuming

-- The folder
-- -----------------------------------------------------------------------------------------------------------

local function numbered(name, i) return i == 1 and "runs/" .. name or ("runs/%s-%d"):format(name, i) end

local function free_number(name)
  local i = 1
  while core.file_kind(numbered(name, i)) do
    i = i + 1
  end
  return i
end

-- Where the run is (to go on with) or is to be.
local function choose_folder(options)
  local values = options.values
  local named = type(values.resume) == "table" and values.resume[1] or nil
  if values.resume then
    local folder = named or values.out
    if folder then return folder end
    local newest = free_number(options.run) - 1
    if newest == 0 then error(("--resume: there is no runs/%s yet"):format(options.run), 0) end
    return numbered(options.run, newest)
  end
  return values.out or numbered(options.run, free_number(options.run))
end

local function same(a, b) return json.encode(a) == json.encode(b) end

local function text_of(value) return type(value) == "table" and table.concat(value, ",") or tostring(value) end

-- The options that the run was started with take the place of defaults; other wishes than those are mistakes.
local function take_saved(options, saved)
  for _, key in ipairs(options.order) do
    local given = options.given[key]
    if not MAY_CHANGE[key] then
      if given ~= nil and not same(given, saved[key]) then
        error(("--%s: this run was started with %s, not %s"):format(key, text_of(saved[key]), text_of(given)), 0)
      end
      options.values[key] = saved[key]
    elseif given == nil and key == "epochs" then
      options.values[key] = saved[key]
    end
  end
end

local function read_checkpoint(self, options)
  local path = self.folder .. "/checkpoint.safetensors"
  if core.file_kind(path) ~= "file" then return end
  local tensors, metadata = safetensors.load(path)
  if not tensors then error(metadata, 0) end
  local state = json.decode(metadata.state or "")
  if type(state) ~= "table" or type(state.options) ~= "table" then
    error(path .. ": not a checkpoint of genlat's", 0)
  end
  if state.run ~= options.run then
    error(("%s: a run of train_%s, not of train_%s"):format(self.folder, tostring(state.run), options.run), 0)
  end
  take_saved(options, state.options)
  self.saved = {tensors = tensors, state = state}
  self.notes = state.notes or {}
end

--- Opens the folder for a new run or, with --resume, for the one that is there. options: what Options:parse returns,
-- whose values then hold what to use. Sets threads and seed.
function Run.open(options)
  local self = setmetatable({
    name = options.run, values = options.values, epoch = 1, step = 1, rows = {}, seconds = 0, sums = {}, keep = {},
    memory = {}, notes = {},
  }, Run)
  self.folder = choose_folder(options)
  if core.file_kind(self.folder) == "file" then error(self.folder .. ": that is a file, not a folder", 0) end
  if options.values.resume then read_checkpoint(self, options) end
  if self.values.threads then core.threads(self.values.threads) end
  core.seed(self.values.seed)
  self.progress = Progress.new(not self.values.quiet)
  core.catch_interrupt()
  return self
end

-- Checkpoints
-- ----------------------------------------------------------------------------------------------------------

local function plain_options(values)
  local plain = {}
  for key, value in pairs(values) do
    if key ~= "resume" and key ~= "out" and key ~= "quiet" and key ~= "threads" then plain[key] = value end
  end
  return plain
end

--- Writes the checkpoint.
function Run:save()
  local tensors, steps = {}, {}
  for name, tensor in pairs(self.model:state_dict()) do
    tensors["model." .. name] = tensor
  end
  for key, optimizer in pairs(self.optimizers) do
    local state, taken = optimizer:state()
    for name, tensor in pairs(state) do
      tensors[("optimizer.%s.%s"):format(key, name)] = tensor
    end
    steps[key] = taken
  end
  for name, tensor in pairs(self.keep) do
    tensors["keep." .. name] = tensor
  end
  local seed, counter = core.rng_state()
  train.check(safetensors.save(self.folder .. "/checkpoint.safetensors", tensors, {
    format = "genlat", state = json.encode {
      run = self.name, options = plain_options(self.values), epoch = self.epoch, step = self.step, steps = steps,
      rng = {("%d"):format(seed), ("%d"):format(counter)}, rows = self.rows, sums = self.sums,
      seconds = self:elapsed(), memory = self.memory, notes = self.notes,
    },
  }))
  self.saved_at = core.clock()
end

local function restore_tensors(self, tensors)
  local model, states = {}, {}
  for key, optimizer in pairs(self.optimizers) do
    states[key] = optimizer:state()
  end
  for name, tensor in pairs(tensors) do
    local key, state = name:match "^optimizer%.([^.]+)%.(.*)$"
    if key and states[key] and states[key][state] then
      states[key][state]:copy_(tensor)
    elseif name:match "^model%." then
      model[name:sub(7)] = tensor
    elseif name:match "^keep%." then
      self.keep[name:sub(6)] = tensor
    end
  end
  self.model:load_state_dict(model)
end

local function restore(self)
  local state = self.saved.state
  restore_tensors(self, self.saved.tensors)
  for key, optimizer in pairs(self.optimizers) do
    optimizer:set_steps(state.steps[key])
  end
  core.rng_state(math.tointeger(state.rng[1]) or 0, math.tointeger(state.rng[2]) or 0)
  self.epoch, self.step, self.rows, self.seconds = state.epoch, state.step, state.rows, state.seconds
  self.sums, self.memory, self.saved = state.sums, state.memory, nil
  if self.epoch > self.values.epochs then
    self:say("%s is finished: its %d epochs are done", self.folder, self.values.epochs)
  else
    self:say("going on with %s at epoch %d, step %d", self.folder, self.epoch, self.step)
  end
end

-- What was found about the model that was in the folder before is not true of the new one: it is kept out of reach.
local FOUND = {"directions.safetensors", "walks.safetensors", "sampler.safetensors", "compass.json"}

local function set_aside(self)
  for _, name in ipairs(FOUND) do
    local path = self.folder .. "/" .. name
    if core.file_kind(path) == "file" then
      train.check(os.rename(path, path .. ".old"))
      self:say("%s belongs to the model that was here: it is now %s.old", path, name)
    end
  end
end

--- Gives the run what it trains; where it goes on with an earlier one, model and optimizers take up its state.
-- parts: {model =, optimizers = {name = optimizer}, steps = in an epoch,
--   train = names of what is measured while training (the first is shown by the progress bar), test = after an epoch,
--   text = function(values) that puts either into words, last_line = function(test) for the script's last line (its
--   default is that of a loss)}. The log has a column for each measure.
-- What a script puts into run.keep (tensors by name) and run.memory (plain data) is part of the checkpoint too. So is
-- run.notes (plain data by name: what the data set was, its classes), which the notes of the model hold as well; a
-- resumed run has it from Run.open on.
function Run:begin(parts)
  for key, value in pairs(parts) do
    self[key] = value
  end
  train.check(core.mkdirs(self.folder)) -- not before: what cannot begin leaves no folder
  if self.saved then
    restore(self)
  elseif self.values.resume then
    self:say("there is no checkpoint in %s: starting anew", self.folder)
  end
  if #self.rows == 0 and self.step == 1 then set_aside(self) end
  self.began = core.clock()
  self:save()
  self.progress:start(self.values.epochs * self.steps, (self.epoch - 1) * self.steps + self.step - 1)
end

-- Along the way
-- --------------------------------------------------------------------------------------------------------

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

-- Ctrl-C: what is done is kept.
local function stop(self)
  self:save()
  self.progress:clear()
  io.stderr:write(("stopped in epoch %d at step %d; go on with --resume %s\n")
    :format(self.epoch, self.step - 1, self.folder))
  error {interrupted = true}
end

local function value_of(x) return type(x) == "number" and x or x:item() end

--- Says that a step was taken on a batch of n images: values are what `train` names, numbers or tensors of one element.
function Run:stepped(values, n)
  local sums, first = self.sums, self.train[1]
  sums.images = (sums.images or 0) + n
  for _, name in ipairs(self.train) do
    sums[name] = (sums[name] or 0) + value_of(values[name]) * n
  end
  if sums[first] ~= sums[first] then
    error(("the loss became NaN in epoch %d at step %d: try a smaller --lr"):format(self.epoch, self.step), 0)
  end
  self.step = self.step + 1
  if core.interrupted() then stop(self) end
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
  lines[1] = table.concat(head, ",")
  for i, row in ipairs(self.rows) do
    local cells = {("%d"):format(row.epoch), ("%.2f"):format(row.seconds)}
    for _, kind in ipairs {"train", "test"} do
      for _, name in ipairs(self[kind]) do
        cells[#cells + 1] = ("%.4f"):format(row[kind][name])
      end
    end
    lines[i + 1] = table.concat(cells, ",")
  end
  train.check(core.write_file(self.folder .. "/log.csv", table.concat(lines, "\n") .. "\n"))
end

--- Ends the epoch: logs what was measured in training and, with the numbers given, in the test, and saves.
function Run:finish_epoch(test)
  local mean = {}
  for _, name in ipairs(self.train) do
    mean[name] = self.sums[name] / self.sums.images
  end
  self.rows[#self.rows + 1] = {epoch = self.epoch, seconds = self:elapsed(), train = mean, test = test}
  write_log(self)
  self:say("epoch %3d  train %s  test %s  %.1f s", self.epoch, self.text(mean), self.text(test), self:elapsed())
  self.epoch, self.step, self.sums = self.epoch + 1, 1, {}
  self:save_model() -- first: a run that is killed between the two goes on from the older checkpoint, not past the model
  self:save()
end

--- Writes model.safetensors.
function Run:save_model()
  local notes = {run = self.name, options = plain_options(self.values), epochs = self.epoch - 1}
  for name, value in pairs(self.notes) do
    notes[name] = value
  end
  train.check(models.save(self.folder .. "/model.safetensors", self.model, notes))
end

--- What the last epoch's test measured.
function Run:last_test() return self.rows[#self.rows].test end

--- Ends the run: `results` (train.results.of(data) or the like) writes its pictures and report; then the last line.
function Run:finish(results)
  self.progress:clear()
  self.model:eval()
  results(self)
  core.release_interrupt()
  self:say("%s/report.html shows what it learned", self.folder)
  print(self.last_line and self.last_line(self:last_test())
    or ("test loss %s nats per image"):format(self.text(self:last_test())))
end

return Run
