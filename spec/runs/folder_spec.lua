-- Where runs are kept, and what is in them. In a working folder of its own: runs/ is beside the program.
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local here = io.popen("pwd"):read()
local place
before_each(function() place = Folder.new() end)
after_each(function() place:remove() end)

-- What a program prints that is run in the working folder.
local function program(text)
  local path = place:write("program.lua", 'local folder = require "genlat.runs.folder"\n' .. text)
  local command = shell.lua(path):gsub("%./build", here .. "/build"):gsub("%./lua", here .. "/lua")
  local output, errors = shell.run(("cd '%s' && %s"):format(place.name, command))
  assert.equal("", errors)
  return output
end

local function make(...)
  for _, name in ipairs {...} do
    assert(os.execute(("mkdir -p '%s'"):format(place:path(name))))
  end
end

describe("the newest run", function()
  it("is the one of the highest number, whatever numbers are missing", function()
    assert.equal("nil\n", program "print(folder.newest 'vae')")
    make "runs/vae"
    assert.equal("runs/vae\n", program "print(folder.newest 'vae')")
    make("runs/vae-3", "runs/vae-10", "runs/vae-9")
    assert.equal("runs/vae-10\n", program "print(folder.newest 'vae')")
    assert.equal("runs/vae-3\n", program "print(folder.newest('vae', function(path) return path:match '3' end))")
  end)

  it("is not one of another name, nor a file, nor of a number that is none", function()
    make("runs/vae-2", "runs/vaeb-3", "runs/vae-0", "runs/vae-1", "runs/vae-04", "runs/vae-5x", "runs/vae--6",
      "runs/vae-99999999999999999999", "runs/a.e-7")
    place:write("runs/vae-8", "")
    assert.equal("runs/vae-2\n", program "print(folder.newest 'vae')")
    assert.equal("nil\n", program "print(folder.newest '.ae')")
  end)
end)

describe("a new run", function()
  it("gets a number above all that are there, files too", function()
    assert.equal("runs/vae\nruns/vae-2\n", program "print(folder.claim 'vae') print(folder.claim 'vae')")
    make "runs/vae-5"
    place:write("runs/vae-6", "")
    assert.equal("runs/vae-7\n", program "print(folder.claim 'vae')")
  end)

  it("shares its number with none, however many are made at once", function()
    local path = place:write("claim.lua", [[print(require("genlat.runs.folder").claim "vae")]])
    local command = shell.lua(path):gsub("%./build", here .. "/build"):gsub("%./lua", here .. "/lua")
    local output = shell.run(("cd '%s' && for i in 1 2 3 4 5 6 7 8; do %s & done; wait"):format(place.name, command))
    local seen = {}
    for line in output:gmatch "[^\n]+" do
      assert.is_nil(seen[line])
      seen[line] = true
    end
    assert.is_true(seen["runs/vae"] and seen["runs/vae-8"])
  end)

  it("says where it cannot be", function()
    place:write("runs", "")
    assert.equal("nil\truns: cannot make this folder: a file is in its place\n", program "print(folder.claim 'vae')")
  end)
end)

describe("an earlier run", function()
  it("is moved as a whole, and only what is a run's", function()
    make "run"
    for _, name in ipairs {"model.safetensors", "log.csv", "samples.png", "directions.safetensors", "mine.txt"} do
      place:write("run/" .. name, name)
    end
    assert.equal("run/old\n", program "print(folder.set_aside 'run')")
    assert.equal("log.csv", place:read "run/old/log.csv")
    assert.equal("mine.txt", place:read "run/mine.txt")
    assert.equal("nil\n", program "print(folder.set_aside 'run')")
    place:write("run/checkpoint.safetensors", "")
    assert.equal("run/old-2\n", program "print(folder.set_aside 'run')")
    assert.equal("", place:read "run/old-2/checkpoint.safetensors")
  end)

  it("is told from files that are in the way", function()
    make("run", "run/real.png")
    assert.equal("real.png\n", program "print(folder.in_the_way 'run')")
    place:write("run/model.safetensors", "")
    assert.equal("nil\n", program "print(folder.in_the_way 'run')")
  end)
end)

describe("a folder's name", function()
  it("is one word of a command line", function()
    local folder = require "genlat.runs.folder"
    assert.equal("runs/vae-2", folder.word "runs/vae-2")
    for _, name in ipairs {"my run", "it's", "a;b", "$HOME", "*", "~x"} do
      assert.equal(name, (shell.run("printf %s " .. folder.word(name))))
    end
  end)
end)
