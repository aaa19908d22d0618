--- judges.lua: the networks that judge images, for scripts: with a progress bar on a terminal while one is trained.

local metrics = require "genlat.metrics"
local train = require "genlat.train"

local judges = {}

local function per_second(rate) return ("%.0f steps/s"):format(rate) end

--- The network of that kind, "classifier" or "regressor", for a data set; see metrics.classifier.of. Raises where it
-- cannot be kept.
function judges.of(data, kind)
  local progress, started = train.progress.new(true), false
  local judge, path = metrics[kind].of(data, {progress = function(done, total)
    if not started then progress:start(total) end
    started = true
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
