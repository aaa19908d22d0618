--- checkpoint.lua: all that a run needs to go on as if it had never stopped, in one file that is replaced as a whole:
-- parameters, the state of the optimizers, what the script keeps, and plain data (the state of the random numbers, the
-- place in the epoch, the options, the log).

local check = require "genlat.check"
local core = require "genlat.core"
local finite = require "genlat.nn.finite"
local folder = require "genlat.runs.folder"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local text = require "genlat.text"

local checkpoint = {}

-- The tensors of the model and the optimizers (by name), under the names that they have in the file.
local function tensors_of(model, optimizers)
  local tensors = {}
  for name, tensor in pairs(model:state_dict()) do
    tensors["model." .. name] = tensor
  end
  for key, optimizer in pairs(optimizers) do
    for name, tensor in pairs((optimizer:state())) do
      tensors[("optimizer.%s.%s"):format(key, name)] = tensor
    end
  end
  return tensors
end

--- The name of a tensor of the model or the optimizers that holds a NaN or an infinity, or nil.
function checkpoint.flaw(model, optimizers) return finite.find(tensors_of(model, optimizers)) end

--- Writes the checkpoint of a folder. state: plain data. parts: {model =, optimizers =, keep = the script's tensors}.
-- Returns true, or nil and a message.
function checkpoint.save(path, state, parts)
  local tensors, steps = tensors_of(parts.model, parts.optimizers), {}
  for key, optimizer in pairs(parts.optimizers) do
    steps[key] = select(2, optimizer:state())
  end
  for name, tensor in pairs(parts.keep) do
    tensors["keep." .. name] = tensor
  end
  local seed, counter = core.rng_state()
  state.steps, state.rng = steps, {("%d"):format(seed), ("%d"):format(counter)}
  return safetensors.save(folder.file(path, folder.CHECKPOINT), tensors,
    {format = "genlat", state = json.encode(state)})
end

-- What a checkpoint's state holds; fields that came later may be missing.
local numbers = check.map(check.number())
local place = {epoch = check.whole(1), step = check.whole(1)}
local STATE = check.record {
  run = check.text, options = check.table, epoch = place.epoch, step = place.step,
  seconds = check.number {least = 0}, sums = numbers, memory = check.table,
  rows = check.list(check.record {
    epoch = check.whole(1), seconds = check.number {least = 0}, train = numbers, test = numbers,
    lr = check.optional(check.number {above = 0}),
  }),
  rng = check.list(check.decimal, {count = 2}),
  steps = check.map(check.either(check.whole(0), check.record {
    steps = check.whole(0), parameters = check.list(check.whole(0)),
  })),
  notes = check.optional(check.table), ended = check.optional(check.text),
  rates = check.optional(check.list(check.record {
    epoch = place.epoch, step = place.step, lr = check.number {above = 0},
  })),
}

--- Reads the checkpoint of a folder: its state and its tensors, or nil and a message.
function checkpoint.load(path)
  local file = folder.file(path, folder.CHECKPOINT)
  local tensors, metadata = safetensors.load(file)
  if not tensors then return nil, metadata end
  if not metadata.state then return nil, text.message("%s: not a checkpoint of genlat's: it has no state", file) end
  local state, problem = json.decode(metadata.state)
  if state == nil then return nil, text.message("%s: state: %s", file, problem) end
  state, problem = check.schema(file, "state", state, STATE)
  if not state then return nil, problem end
  local flaw = finite.find(tensors)
  if flaw then return nil, text.message("%s: tensor '%s' holds NaN or infinite numbers", file, flaw) end
  return state, tensors
end

local LATER = {spread = true} -- measures that the rows of older runs do not have

-- The state with the measures that this script logs and what it remembers, checked; or nil and a message.
local function check_script(file, state, parts)
  local measures = {}
  for _, kind in ipairs {"train", "test"} do
    local fields = {}
    for _, name in ipairs(parts[kind]) do
      fields[name] = LATER[name] and check.optional(check.number()) or check.number()
    end
    measures[kind] = check.record(fields)
  end
  return check.schema(file, "state", state, check.record {
    rows = check.list(check.record(measures)), memory = parts.memory_rule or check.table,
    sums = state.step > 1 and measures.train or check.table,
  })
end

-- Checks that the file has all tensors of the model and the optimizers, each of its shape: true, or nil and a message.
local function check_tensors(file, tensors, parts)
  local wanted = tensors_of(parts.model, parts.optimizers)
  for _, name in ipairs(text.sorted_keys(wanted)) do
    local ok, problem = check.schema(file, "tensors." .. name, tensors[name], check.tensor(wanted[name].shape))
    if not ok then return nil, problem end
  end
  return true
end

-- Sets how many steps each optimizer has taken, and calls f, which returns true, or false and a message. Returns the
-- same; where it fails the optimizers are as before.
local function set_steps(file, optimizers, steps, f)
  local before, ok, problem = {}, true, nil
  for key, optimizer in pairs(optimizers) do
    local own = select(2, optimizer:state())
    ok, problem = check.try(optimizer.set_steps, optimizer, steps[key])
    if not ok then
      problem = text.message("%s: state.steps.%s: %s", file, key, problem)
      break
    end
    before[optimizer] = own
  end
  if ok then ok, problem = f() end
  if ok then return true end
  for optimizer, own in pairs(before) do
    optimizer:set_steps(own)
  end
  return false, problem
end

--- Gives what was read to the model, the optimizers, the script (keep) and the random numbers. parts: as of a run.
-- Returns true, or nil and a message, and then nothing was given to anybody.
function checkpoint.restore(path, state, tensors, parts)
  local file, model = folder.file(path, folder.CHECKPOINT), {}
  local ok, problem = check_script(file, state, parts)
  if ok then ok, problem = check_tensors(file, tensors, parts) end
  if not ok then return nil, problem end
  for name, tensor in pairs(tensors) do
    if name:match "^model%." then model[name:sub(7)] = tensor end
  end
  ok, problem = set_steps(file, parts.optimizers, state.steps, function()
    local fits, why = check.try(parts.model.load_state_dict, parts.model, model)
    return fits, not fits and text.message("%s: %s", file, why)
  end)
  if not ok then return nil, problem end
  for key, optimizer in pairs(parts.optimizers) do
    for name, tensor in pairs((optimizer:state())) do
      tensor:copy_(tensors[("optimizer.%s.%s"):format(key, name)])
    end
  end
  for name, tensor in pairs(tensors) do
    if name:match "^keep%." then parts.keep[name:sub(6)] = tensor end
  end
  core.rng_state(math.tointeger(state.rng[1]), math.tointeger(state.rng[2]))
  return true
end

return checkpoint
