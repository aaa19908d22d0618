-- steer.lua, as a user runs it.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, run
setup(function()
  data, run = shell.small_data(300, 60), Folder.new()
  os.remove(data:path "train-labels-idx1-ubyte") -- without classes there is no quality, and no classifier to train
  os.remove(data:path "t10k-labels-idx1-ubyte")
  local _, errors, status = shell.script("train_vae.lua",
    ("--data '%s' --out '%s' --hidden 48 --latent 6 --epochs 40 --batch 32 --quiet"):format(data.name, run.name))
  assert(status == 0, errors)
end)
teardown(function()
  data:remove()
  run:remove()
end)

local function steer(arguments)
  return shell.script("steer.lua", ("'%s' --threads 1 --samples 100 %s"):format(run.name, arguments))
end

describe("steer.lua", function()
  it("learns a direction for each edit that carries, and draws what it does", function()
    local output, errors, status = steer "--edits rotate,zoom --steps 150"
    assert.equal("", errors)
    assert.equal(0, status)
    for _, name in ipairs {"directions.safetensors", "steer.svg", "steer_effect.svg"} do
      assert.is_true(output:find(run:path(name), 1, true) ~= nil, name)
      assert.equal("file", gl.core.file_kind(run:path(name)))
    end
    assert.matches("^learning and measuring 2 walks: rotate, zoom\n", output)
    assert.equal(2 - #gl.load(run.name).directions:names(),
      select(2, output:gsub("carries nowhere: the images do not follow", "")))
    assert.matches("registration +follows 0%.%d+ %(", output)
    local directions = gl.load(run.name).directions
    local names = directions:names()
    assert.is_true(#names > 0)
    for _, name in ipairs(names) do
      local low, high, unit = directions:range(name)
      assert.matches(("%s: carries from %.3g to %.3g %s"):format(name, low, high, unit):gsub("%p", "%%%0"), output)
      assert.equal("steer", directions:get(name).notes.method)
      assert.equal("file", gl.core.file_kind(run:path("steer_" .. name .. ".gif")))
    end
    local _, pictures = run:read("steer.svg"):gsub("<image", "")
    assert.equal(2 * 2 * 9, pictures)
    for _, word in ipairs {"least", "0", "greatest"} do assert.matches(">" .. word .. "<", run:read "steer.svg") end
  end)

  it("depends on the seed alone", function()
    local function files(seed)
      local out = Folder.new()
      steer(("--edits zoom --steps 5 --seed %d --out '%s'"):format(seed, out.name))
      local bytes = out:read "steer.svg" .. out:read "steer_effect.svg"
      out:remove()
      return bytes
    end
    local first = files(1)
    assert.is_true(first == files(1))
    assert.is_true(first ~= files(2))
  end)

  it("keeps walks in steps in a file of their own", function()
    local before = run:read "directions.safetensors"
    local output = steer "--edits rotate --walk steps --steps 200 --range 20"
    assert.matches("walks%.safetensors\n", output)
    local walk = gl.latent.steer.load(run.name, 6).rotate
    assert.equal("steps", walk.kind)
    assert.is_true(walk.range[1] >= -25 and walk.range[2] <= 25)
    assert.is_true(before == run:read "directions.safetensors")
  end)

  it("explains mistakes in a line", function()
    local words = "shift_x, shift_y, rotate, zoom, thicken, brighten"
    for arguments, message in pairs {
      ["--edits zoom,twist"] = "steer: --edits: 'twist' is not one of " .. words,
      ["--range 5"] = "steer: --range: it is in the unit of one edit: name that one by --edits",
      ["--edits zoom --range x"] = "steer: --range: 'x' is not a number",
      ["--edits zoom --range 1,2"] = "steer: --range: '1,2' is not a number, or two around 0 such as -5,10",
      ["--walk bent"] = "steer: --walk: 'bent' is not one of linear, steps",
    } do
      local _, errors, status = steer(arguments)
      assert.equal(message, errors:gsub(" %(%-%-help explains%)", ""):gsub("\n", ""):sub(1, #message))
      assert.matches("^[^\n]+\n$", errors)
      assert.equal(1, status)
    end
  end)
end)
