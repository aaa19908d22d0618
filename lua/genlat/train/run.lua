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
local LOG_HEAD = "epoch,seconds,train_loss,train_reconstruction,train_kl,test_loss,test_reconstruction,test_kl"
local MAY_CHANGE = {epochs = true, threads = true, quiet = true, out = true, resume = true} -- on resuming
local PARTS = {"loss", "reconstruction", "kl"}

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

local function zero_sums() return {images = 0, loss = 0, reconstruction = 0, kl = 0} end

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
end

--- Opens the folder for a new run or, with --resume, for the one that is there. options: what Options:parse returns,
-- whose values then hold what to use. Sets threads and seed.
function Run.open(options)
  local self = setmetatable({
    name = options.run, values = options.values, epoch = 1, step = 1, rows = {}, seconds = 0, sums = zero_sums(),
  }, Run)
  self.folder = choose_folder(options)
  if options.values.resume then read_checkpoint(self, options) end
  train.check(core.mkdirs(self.folder))
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
  local tensors = {}
  for name, tensor in pairs(self.model:state_dict()) do
    tensors["model." .. name] = tensor
  end
  local state, steps = self.optimizer:state()
  for name, tensor in pairs(state) do
    tensors["optimizer." .. name] = tensor
  end
  local seed, counter = core.rng_state()
  train.check(safetensors.save(self.folder .. "/checkpoint.safetensors", tensors, {
    format = "genlat", state = json.encode {
      run = self.name, options = plain_options(self.values), epoch = self.epoch, step = self.step, steps = steps,
      rng = {("%d"):format(seed), ("%d"):format(counter)}, rows = self.rows, sums = self.sums, seconds = self:elapsed(),
    },
  }))
  self.saved_at = core.clock()
end

local function restore_tensors(self, tensors)
  local state = self.optimizer:state()
  local model = {}
  for name, tensor in pairs(tensors) do
    local part, rest = name:match("^(%a+)%.(.*)$")
    if part == "model" then
      model[rest] = tensor
    elseif part == "optimizer" and state[rest] then
      state[rest]:copy_(tensor)
    end
  end
  self.model:load_state_dict(model)
end

--- Gives the run its model and optimizer; where it goes on with an earlier one, they take up its state.
function Run:begin(model, optimizer, steps_per_epoch)
  self.model, self.optimizer, self.steps_per_epoch = model, optimizer, steps_per_epoch
  if self.saved then
    local state = self.saved.state
    restore_tensors(self, self.saved.tensors)
    optimizer:set_steps(state.steps)
    core.rng_state(math.tointeger(state.rng[1]) or 0, math.tointeger(state.rng[2]) or 0)
    self.epoch, self.step, self.rows, self.seconds = state.epoch, state.step, state.rows, state.seconds
    self.sums = state.sums
    self.saved = nil
    self:say("going on with %s at epoch %d, step %d", self.folder, self.epoch, self.step)
  end
  self.began = core.clock()
  self:save()
  self.progress:start(self.values.epochs * steps_per_epoch, (self.epoch - 1) * steps_per_epoch + self.step - 1)
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

--- Says that a step was taken: loss is what model:loss returned for a batch of n images.
function Run:stepped(loss, n)
  local sums = self.sums
  sums.images = sums.images + n
  for _, part in ipairs(PARTS) do
    sums[part] = sums[part] + loss[part]:item() * n
  end
  if sums.loss ~= sums.loss then
    error(("the loss became NaN in epoch %d at step %d: try a smaller --lr"):format(self.epoch, self.step), 0)
  end
  self.step = self.step + 1
  if core.interrupted() then stop(self) end
  if core.clock() - self.saved_at > CHECKPOINT_SECONDS then self:save() end
  self.progress:update(("epoch %d/%d"):format(self.epoch, self.values.epochs),
    (self.epoch - 1) * self.steps_per_epoch + self.step - 1, images_per_second(self.values.batch),
    ("loss %.2f"):format(sums.loss / sums.images))
end

local function write_log(self)
  local lines = {LOG_HEAD}
  for i, row in ipairs(self.rows) do
    lines[i + 1] = ("%d,%.2f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f"):format(table.unpack(row))
  end
  train.check(core.write_file(self.folder .. "/log.csv", table.concat(lines, "\n") .. "\n"))
end

--- Ends the epoch: logs its training loss and the test loss, and saves.
function Run:finish_epoch(test)
  local mean = {}
  for _, part in ipairs(PARTS) do
    mean[part] = self.sums[part] / self.sums.images
  end
  self.rows[#self.rows + 1] = {
    self.epoch, self:elapsed(), mean.loss, mean.reconstruction, mean.kl, test.loss, test.reconstruction, test.kl,
  }
  write_log(self)
  self:say("epoch %3d  train %s  test %s  %.1f s", self.epoch, train.loss_text(mean), train.loss_text(test),
    self:elapsed())
  self.epoch, self.step, self.sums = self.epoch + 1, 1, zero_sums()
  self:save()
  self:save_model()
end

--- Writes model.safetensors.
function Run:save_model()
  train.check(models.save(self.folder .. "/model.safetensors", self.model, {
    run = self.name, options = plain_options(self.values), epochs = self.epoch - 1,
  }))
end

--- The last epoch's test loss: {loss =, reconstruction =, kl =}.
function Run:test_loss()
  local row = self.rows[#self.rows]
  return {loss = row[6], reconstruction = row[7], kl = row[8]}
end

--- Ends the run: `results` (train.results or the like) writes its pictures and report; then the last line.
function Run:finish(results)
  self.progress:clear()
  self.model:eval()
  results(self)
  core.release_interrupt()
  self:say("%s/report.html shows what it learned", self.folder)
  print(("test loss %s nats per image"):format(train.loss_text(self:test_loss())))
end

return Run
