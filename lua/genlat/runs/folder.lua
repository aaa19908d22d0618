--- folder.lua: where runs are kept (runs/vae, runs/vae-2, ...), and the names of what is in them.

local core = require "genlat.core"
local text = require "genlat.text"

local folder = {
  ROOT = "runs", MODEL = "model.safetensors", CHECKPOINT = "checkpoint.safetensors", LOG = "log.csv",
  REPORT = "report.html", LOCK = ".lock",
}

-- What a training script writes, whichever it is.
local WRITTEN = {
  folder.MODEL, folder.CHECKPOINT, folder.LOG, folder.REPORT, "real.png", "reconstructions.png", "samples.png",
  "manifold.png", "latent.svg", "loss.svg", "interpolation.png", "progress.gif", "mistakes.png",
  "autoencoder.safetensors", "vae.safetensors", "compare_latents.svg", "autoencoder_grid.png", "vae_grid.png",
}

-- What the latent-space scripts found out about the model: of no use for another one.
local FOUND = {"metrics.json", "directions.safetensors", "walks.safetensors", "sampler.safetensors", "compass.json"}

--- The file of this name in a folder.
function folder.file(path, name) return path .. "/" .. name end

--- A folder as a word of a command line.
function folder.word(path)
  return path:find "[^%w_./+-]" and text.quoted(path) or path
end

local function has(path, name) return core.file_kind(folder.file(path, name)) == "file" end

--- Is there a checkpoint to go on from?
function folder.has_checkpoint(path) return has(path, folder.CHECKPOINT) end

--- Does the folder hold a run: a model or a checkpoint?
function folder.holds_run(path) return has(path, folder.MODEL) or folder.has_checkpoint(path) end

--- The name of a file in the folder that training would replace though it is not a run's; nil where there is none.
function folder.in_the_way(path)
  if folder.holds_run(path) then return nil end
  for _, name in ipairs(WRITTEN) do
    if core.file_kind(folder.file(path, name)) then return name end
  end
end

-- Numbers -------------------------------------------------------------------------------------------------------------

local function numbered(name, number)
  local path = folder.file(folder.ROOT, name)
  return number == 1 and path or ("%s-%d"):format(path, number)
end

-- The numbers of the runs of this name, in no order: 1 is runs/vae, 2 runs/vae-2.
local function numbers(name)
  local list = {}
  for _, entry in ipairs(core.file_kind(folder.ROOT) == "folder" and core.list_folder(folder.ROOT) or {}) do
    local digits = entry:sub(1, #name + 1) == name .. "-" and entry:sub(#name + 2):match "^[1-9]%d*$"
    local number = entry == name and 1 or math.tointeger(tonumber(digits))
    if number and (number > 1 or entry == name) then list[#list + 1] = number end
  end
  return list
end

--- The run of this name with the highest number, or nil. accept(path): which are looked at (all).
function folder.newest(name, accept)
  local highest
  for _, number in ipairs(numbers(name)) do
    local path = numbered(name, number)
    if (not highest or number > highest) and core.file_kind(path) == "folder" and (not accept or accept(path)) then
      highest = number
    end
  end
  return highest and numbered(name, highest)
end

--- Makes the folder of a new run, with a number above all that are taken, and returns its path; or nil and a message.
-- Two processes never get the same one.
function folder.claim(name)
  local ok, message = core.mkdirs(folder.ROOT)
  if not ok then return nil, message end
  local number = math.max(0, table.unpack(numbers(name)))
  repeat
    number = number + 1
    local made, problem = core.claim_folder(numbered(name, number))
    if made == nil then return nil, problem end
  until made
  return numbered(name, number)
end

-- An earlier run ------------------------------------------------------------------------------------------------------

--- Moves the run that is in the folder, and what was found out about it, to a folder of its own in it: old, old-2, ...
-- Returns that folder's path, or nil where there is no run; or nil and a message.
function folder.set_aside(path)
  if not folder.holds_run(path) then return nil end
  local number, aside = 1, folder.file(path, "old")
  while true do
    local made, message = core.claim_folder(aside)
    if made == nil then return nil, message end
    if made then break end
    number = number + 1
    aside = folder.file(path, "old-" .. number)
  end
  for _, names in ipairs {FOUND, WRITTEN} do
    for _, name in ipairs(names) do
      if has(path, name) then
        local ok, message = os.rename(folder.file(path, name), folder.file(aside, name))
        if not ok then return nil, message end
      end
    end
  end
  return aside
end

return folder
