-- One training at a time in a folder.
local core = require("genlat").core
local lock = require "genlat.runs.lock"
local Folder = dofile "spec/io/folder.lua"

describe("lock.take", function()
  local place
  local lock_file = core.lock_file
  before_each(function() place = Folder.new() end)
  after_each(function()
    core.lock_file = lock_file
    place:remove()
  end)

  it("locks a folder once, until it is released", function()
    local held, warning = lock.take(place.name)
    assert.is_nil(warning)
    local second, message, busy = lock.take(place.name)
    assert.is_nil(second)
    assert.matches(": another training is under way there %(process %d+%)$", message)
    assert.is_true(busy)
    held:release()
    lock.take(place.name):release()
  end)

  it("does not know the other process where it has not written its number", function()
    function core.lock_file() return false, 0 end
    local _, message = lock.take "run"
    assert.equal("run: another training is under way there", message)
  end)

  it("goes on with a warning where the file system has no locks", function()
    function core.lock_file(path) return nil, path .. ": cannot be locked: No locks available", true end
    local held, warning = lock.take "run"
    assert.equal("run/.lock: cannot be locked: No locks available: nothing keeps a second training out of it", warning)
    held:release()
  end)

  it("says what else is wrong", function()
    local held, message, busy = lock.take(place:path "none")
    assert.is_nil(held)
    assert.equal(place:path "none/.lock" .. ": cannot be locked: No such file or directory", message)
    assert.is_nil(busy)
  end)
end)
