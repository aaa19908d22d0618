--- lock.lua: one training at a time in a folder. The system lets the lock go when the process ends, however it ends.

local core = require "genlat.core"
local folder = require "genlat.runs.folder"

local lock = {}

-- Where the file system has no locks.
local NONE = {release = function() end}

--- Locks a run's folder. Returns the lock, which release() gives back (as does its collection), and where the file
-- system has no locks a message that says so; or nil and a message, and true where another process trains there.
function lock.take(path)
  local held, other, unknown = core.lock_file(folder.file(path, folder.LOCK))
  if held then return held end
  if held == false then
    return nil, ("%s: another training is under way there%s"):format(path,
      other > 0 and (" (process %d)"):format(other) or ""), true
  end
  if unknown then return NONE, other .. ": nothing keeps a second training out of it" end
  return nil, other
end

return lock
