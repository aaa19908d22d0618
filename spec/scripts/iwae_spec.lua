-- train_iwae_paper.lua, as a user runs it.
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data
setup(function() data = shell.small_data(200, 40) end)
teardown(function() data:remove() end)

local function run(folder, more)
  return shell.script("train_iwae_paper.lua",
    ("--data '%s' --out '%s' --hidden 16 --latent 4 --images 5 --threads 1 %s"):format(data.name, folder.name, more))
end

describe("train_iwae_paper.lua", function()
  it("trains by stages, says how long all of them take, and measures the log-likelihood", function()
    local out = Folder.new()
    local output, errors, status = run(out, "--stages 2 --iwae 3")
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("an epoch takes %d+ seconds: these 4 take %d+ seconds, the paper's 3280 %d+ %a+", output)
    assert.matches("log%-likelihood %-%d+%.%d%d %+%- %d+%.%d%d nats per image %(5000 samples, 5 test images%)", output)
    assert.matches("^test loss %d+%.%d%d ", shell.last_line(output))
    assert.equal(5, select(2, out:read("log.csv"):gsub("\n", "")))
    out:remove()
  end)

  it("goes on from fewer stages to more as if it had not stopped", function()
    local whole, broken = Folder.new(), Folder.new()
    run(whole, "--stages 2 --iwae 2 --quiet")
    run(broken, "--stages 1 --iwae 2 --quiet")
    local _, errors, status = run(broken, "--stages 2 --quiet --resume")
    assert.equal("", errors)
    assert.equal(0, status)
    assert.is_true(whole:read "model.safetensors" == broken:read "model.safetensors")
    whole:remove()
    broken:remove()
  end)
end)
