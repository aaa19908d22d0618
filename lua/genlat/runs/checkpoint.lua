--- checkpoint.lua: all that a run needs to go on as if it had never stopped, in one file that is replaced as a whole:
-- parameters, the state of the optimizers, what the script keeps, and plain data (the state of the random numbers, the
-- place in the epoch, the options, the log).

local core = require "genlat.core"
local finite = require "genlat.nn.finite"
local folder = require "genlat.runs.folder"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"

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

--- Reads the checkpoint of a folder: its state and its tensors, or nil and a message.
function checkpoint.load(path)
  local file = folder.file(path, folder.CHECKPOINT)
  local tensors, metadata = safetensors.load(file)
  if not tensors then return nil, metadata end
  local state = json.decode(metadata.state or "")
  if type(state) ~= "table" or type(state.options) ~= "table" then
    return nil, file .. ": not a checkpoint of genlat's"
  end
  local flaw = finite.find(tensors)
  if flaw then return nil, ("%s: tensor '%s' holds NaN or infinite numbers"):format(file, flaw) end
  return state, tensors
end

--- Gives what was read to the model, the optimizers, the script (keep) and the random numbers.
function checkpoint.restore(state, tensors, parts)
  local model = {}
  for name, tensor in pairs(tensors) do
    if name:match "^model%." then
      model[name:sub(7)] = tensor
    elseif name:match "^keep%." then
      parts.keep[name:sub(6)] = tensor
    end
  end
  parts.model:load_state_dict(model)
  for key, optimizer in pairs(parts.optimizers) do
    for name, tensor in pairs((optimizer:state())) do
      local saved = tensors[("optimizer.%s.%s"):format(key, name)]
      if saved then tensor:copy_(saved) end
    end
    optimizer:set_steps(state.steps[key])
  end
  core.rng_state(math.tointeger(state.rng[1]) or 0, math.tointeger(state.rng[2]) or 0)
end

return checkpoint
