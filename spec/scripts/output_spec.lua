-- Standard output that is full, closed, or no longer read: said, and never in a file's place.

local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local FULL = "standard output: No space left on device\n"
local CLOSED = "standard output: Bad file descriptor\n"

local folder, data
setup(function()
  folder, data = Folder.new(), shell.small_data(64, 32)
end)
teardown(function()
  folder:remove()
  data:remove()
end)

local function training(out, more)
  return shell.lua("scripts/train_ae.lua", ("--data '%s' --epochs 2 --batch 32 --hidden 8 --latent 2 --out '%s' %s")
    :format(data.name, folder:path(out), more))
end

-- Does a file of the run hold what the script prints?
local function says_epoch(out)
  for _, name in ipairs {"log.csv", "model.safetensors", "checkpoint.safetensors", "report.html"} do
    local file = assert(io.open(folder:path(out .. "/" .. name), "rb"))
    local text = file:read "a"
    file:close()
    if text:find("epoch   1  train", 1, true) then return true end
  end
  return false
end

describe("standard output", function()
  it("that is full ends a run with status 1, when all is done and kept", function()
    local _, errors, status = shell.run(training("full", ">/dev/full"))
    assert.equal(FULL, errors)
    assert.equal(1, status)
    assert.equal("file", gl.core.file_kind(folder:path "full/report.html"))
    local log = folder:read "full/log.csv"
    assert.equal(3, select(2, log:gsub("\n", "")))
  end)

  it("that is full is said of every way to end", function()
    for _, command in ipairs {
      shell.lua("scripts/train_vae.lua", "--help"), shell.lua("scripts/manifold.lua", "--help"),
      shell.lua("scripts/fetch.lua", "--help"), shell.lua("scripts/bench.lua", "--help"),
      shell.lua("scripts/genlat", "train_vae --help"),
    } do
      local _, errors, status = shell.run(command .. " >/dev/full")
      assert.equal(FULL, errors)
      assert.equal(1, status)
    end
    for _, arguments in ipairs {"", "--help", "--version"} do
      local _, errors, status = shell.run(shell.lua("scripts/genlat", arguments .. " >/dev/full"))
      assert.equal("genlat: " .. FULL, errors)
      assert.equal(1, status)
    end
  end)

  it("that is full does not hide a mistake", function()
    local _, errors, status = shell.run(shell.lua("scripts/train_vae.lua", "--epochs none >/dev/full"))
    assert.matches("%-%-epochs", errors)
    assert.equal(1, status)
  end)

  it("that is closed is not a file of the run", function()
    local _, errors, status = shell.run(training("closed", ">&-"))
    assert.equal(CLOSED, errors)
    assert.equal(1, status)
    assert.is_false(says_epoch "closed")
    _, _, status = shell.run(training("deaf", "--quiet </dev/null 2>&- 3>&-"))
    assert.equal(0, status)
    _, _, status = shell.run(training("mute", "<&- >/dev/null"))
    assert.equal(0, status)
  end)

  it("that nobody reads any more ends the script without a word", function()
    local output, errors, status = shell.run(("{ %s; echo $? >&2; } | head -n 1"):format(
      shell.lua("scripts/train_vae.lua", "--help")))
    assert.matches("^Usage", output)
    assert.is_true(errors == "141\n" or errors == "0\n", errors) -- SIGPIPE, or all was written before
    assert.equal(0, status)
  end)

  it("that nobody reads any more is said where the signal is ignored", function()
    local _, errors, status = shell.run(("trap '' PIPE; { sleep 0.2; %s; echo $? >&2; } | true"):format(
      shell.lua("scripts/train_vae.lua", "--help")))
    assert.equal("standard output: Broken pipe\n1\n", errors)
    assert.equal(0, status)
  end)
end)
