-- What one process takes for itself: new folders and files.
local core = require("genlat").core
local Folder = dofile "spec/io/folder.lua"
local shell = dofile "spec/scripts/shell.lua"

local place
before_each(function() place = Folder.new() end)
after_each(function() place:remove() end)

-- What a process of its own prints of core.lock_file(path), while it holds it.
local function elsewhere(path)
  return (shell.program(([[
    local held, other = require("genlat").core.lock_file(%q)
    print(held and "held" or other)]]):format(path)))
end

describe("claim_folder", function()
  it("makes a folder once", function()
    assert.is_true(core.claim_folder(place:path "a"))
    assert.equal("folder", core.file_kind(place:path "a"))
    assert.is_false(core.claim_folder(place:path "a"))
    assert.is_false(core.claim_folder(place:write("file", "")))
  end)

  it("says why it cannot", function()
    local made, message = core.claim_folder(place:path "none/a")
    assert.is_nil(made)
    assert.equal(place:path "none/a" .. ": cannot make this folder: No such file or directory", message)
  end)
end)

describe("lock_file", function()
  it("is held by one process, whose number it tells", function()
    local path = place:path "lock"
    local held = assert(core.lock_file(path))
    assert.matches("^%d+\n$", elsewhere(path))
    assert.equal(tonumber(elsewhere(path)), tonumber(place:read "lock"))
    held:release()
    assert.equal("held\n", elsewhere(path))
    held:release()
  end)

  it("is let go when the process is killed, and when it is collected", function()
    local path = place:path "lock"
    shell.program(([[
      lock = assert(require("genlat").core.lock_file(%q))
      io.popen "kill -KILL $PPID":close()]]):format(path))
    do
      local held <close> = core.lock_file(path)
      assert.is_truthy(held)
      assert.is_false(core.lock_file(path))
    end
    assert(core.lock_file(path))
    collectgarbage()
    collectgarbage()
    assert.equal("held\n", elsewhere(path))
  end)

  it("is not held by programs that the process starts and that outlive it", function()
    local path = place:path "lock"
    shell.program(([[
      lock = assert(require("genlat").core.lock_file(%q))
      os.execute "sleep 2 >/dev/null 2>&1 &"]]):format(path))
    assert.equal("held\n", elsewhere(path))
  end)

  it("says why it cannot, and what it was given instead of a path", function()
    local held, message, unknown = core.lock_file(place:path "none/lock")
    assert.is_nil(held)
    assert.equal(place:path "none/lock" .. ": cannot be locked: No such file or directory", message)
    assert.is_false(unknown)
    assert.has_error(function() core.lock_file {} end)
    local lock = assert(core.lock_file(place:path "lock"))
    assert.is_false(getmetatable(lock))
    assert.has_error(function() lock.release(io.stdout) end)
  end)
end)
