--- judges.lua: the networks that judge images, for scripts: with a line where one has to be trained first, and a
-- progress bar on a terminal meanwhile.

local metrics = require "genlat.metrics"
local train = require "genlat.train"

local judges = {}

local purposes = {
  classifier = "tells the classes of %s apart",
  regressor = "measures the factors of %s",
}

local function per_second(rate) return ("%.0f steps/s"):format(rate) end

-- Printed at once, also into a file or a pipe: what follows takes a while.
local function announce(data, kind)
  print(("training a network that %s, once (kept in %s)"):format(purposes[kind]:format(data.name),
    metrics[kind].path(data)))
  io.stdout:flush()
end

--- The network of that kind, "classifier" or "regressor", for a data set, or the one in a file (may be left out); see
-- metrics.classifier.of. Raises where it cannot be kept or read.
function judges.of(data, kind, file)
  local progress, started = train.progress.new(true), false
  local judge, path = metrics[kind].of(data, {file = file, progress = function(done, total)
    if not started then
      announce(data, kind)
      progress:start(total)
      started = true
    end
    progress:update("training a " .. kind, done, per_second, "")
  end})
  progress:clear()
  return train.check(judge, path)
end

--- Those for a space's data set, by their kind. Each is made, and the data set read, when it is first asked for.
function judges.all(space)
  return setmetatable({}, {__index = function(self, kind)
    self[kind] = judges.of(space.data, kind)
    return self[kind]
  end})
end

return judges
