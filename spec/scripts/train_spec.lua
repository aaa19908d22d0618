-- The training scripts, as a user runs them.
local gl = require "genlat"
local safetensors = require "genlat.safetensors"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"
local kills = dofile "spec/scripts/kills.lua"
local races = dofile "spec/scripts/races.lua"

local PICTURES = {"real.png", "reconstructions.png", "samples.png", "manifold.png"}

-- By script: its last line, the head of its log, and what its report must not say.
local SCRIPTS = {
  ["train_vae.lua"] = {
    last = "^test loss %-?%d+%.%d%d %(reconstruction %-?%d+%.%d%d %+ KL [1-9]%d*%.%d%d%) nats per image$",
    head = "epoch,seconds,train_loss,train_reconstruction,train_kl,test_loss,test_reconstruction,test_kl,lr",
    never = {"fitted Gaussian", "given the class", "has no prior"},
  },
  ["train_ae.lua"] = {
    last = "^test loss %-?%d+%.%d%d nats per image$", head = "epoch,seconds,train_loss,test_loss,lr",
    never = {"KL", "N(0, I)", "the prior's", "evidence lower bound"},
  },
}

local data, out
setup(function() data = shell.small_data(600, 100) end)
teardown(function() data:remove() end)
before_each(function() out = Folder.new() end)
after_each(function() out:remove() end)

local function arguments(more)
  return ("--data '%s' --out '%s' --hidden 32 --epochs 2 --batch 50 %s"):format(data.name, out.name, more or "")
end

local function rows(log)
  local list = {}
  for line in log:gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

for script, expected in pairs(SCRIPTS) do
  describe(script, function()
    it("leaves a run with everything in it, and ends with the test loss", function()
      local output, errors, status = shell.script(script, arguments "--threads 1")
      assert.equal("", errors)
      assert.equal(0, status)
      local last = shell.last_line(output)
      assert.matches(expected.last, last)
      local log = rows(out:read "log.csv")
      assert.equal(expected.head, log[1])
      assert.equal(3, #log)
      assert.matches("^2,%d+%.%d+,", log[3])
      assert.same({}, shell.missing_files(out))
      for _, name in ipairs(PICTURES) do
        local picture = assert(gl.read_png(out:path(name)))
        assert.is_true(picture:size(1) >= 28 and picture:float():var():item() > 0, name)
      end
      for _, name in ipairs {"latent.svg", "loss.svg"} do
        assert.matches("^<svg.*</svg>%s*$", out:read(name))
      end
      local page = out:read "report.html"
      assert.matches(last:match("loss (%S+)"):gsub("%.", "%%."), page)
      local text, pictures = page:gsub('"data:image/png;base64,[^"]*"', "")
      assert.equal(4, pictures)
      assert.matches(" s on 1 thread (", text, 1, true)
      text = text:gsub(out.name:match "[^/]+$", "") -- the title: random letters
      for _, phrase in ipairs(expected.never) do
        assert.is_nil(text:find(phrase, 1, true), phrase)
      end
      local model, notes = gl.models.load(out.name)
      assert.same({32}, model.config.hidden)
      assert.equal(2, notes.epochs)
    end)

    it("prints the last line only when it is quiet", function()
      local output, errors = shell.script(script, arguments "--quiet")
      assert.equal("", errors)
      assert.matches(expected.last, (output:gsub("\n$", "")))
    end)

    it("gives equal files for equal seeds, and others for other seeds", function()
      local again, other = Folder.new(), Folder.new()
      shell.script(script, arguments "--seed 3 --threads 1")
      shell.script(script, arguments "--seed 3 --threads 1 --out " .. again.name)
      shell.script(script, arguments "--seed 4 --threads 1 --out " .. other.name)
      for _, name in ipairs {"model.safetensors", "samples.png", "latent.svg"} do
        assert.is_true(out:read(name) == again:read(name), name)
        assert.is_true(out:read(name) ~= other:read(name), name)
      end
      again:remove()
      other:remove()
    end)
  end)
end

describe("a run", function()
  it("takes three, one or twenty latent dimensions, a Gaussian likelihood, binarized images", function()
    for more, parts in pairs {
      ["--latent 3"] = "%+ KL", ["--latent 1"] = "%+ KL", ["--latent 20 --likelihood gaussian"] = "%+ KL",
      ["--binarize dynamic"] = "%+ KL", ["--binarize threshold --beta 4"] = "%+ 4 x KL",
      ["--iwae 3"] = "%(bound of 3 samples; with one: ", ["--hidden 20,10"] = "%+ KL", ["--batch 599"] = "%+ KL",
    } do
      local output, errors, status = shell.script("train_vae.lua", arguments(more))
      assert.equal("", errors)
      assert.equal(0, status)
      assert.matches("^test loss %-?%d+%.%d%d .*" .. parts .. ".* nats per image$", shell.last_line(output))
    end
  end)

  it("goes to runs/vae, then to runs/vae-2, and resumes the newest", function()
    local here = io.popen("pwd"):read()
    local function script(more)
      local command = shell.lua(here .. "/scripts/train_vae.lua", arguments(more):gsub("%-%-out %S+", ""))
      local paths = ("%s;%s"):format(here, ""):gsub(";", "")
      command = command:gsub("%./build", paths .. "/build"):gsub("%./lua", paths .. "/lua")
      return shell.run(("cd '%s' && %s"):format(out.name, command))
    end
    assert.matches("\nthis run is runs/vae\n", script())
    assert.matches("\nthis run is runs/vae%-2\n", script())
    local output = script "--resume --epochs 3"
    assert.matches("going on with runs/vae%-2 at epoch 3, step 1", output)
    assert.equal(3, #rows(out:read "runs/vae/log.csv"))
    assert.equal(4, #rows(out:read "runs/vae-2/log.csv"))
    assert(gl.core.mkdirs(out:path "runs/vae-5"))
    local _, errors, status = script "--resume"
    assert.equal("--resume: runs/vae-5: there is no checkpoint.safetensors to go on from (runs/vae-2 has one: "
      .. "--resume runs/vae-2)\n", errors)
    assert.equal(1, status)
    script()
    assert.equal(3, #rows(out:read "runs/vae-6/log.csv"))
  end)

  it("is resumed nowhere where there is none", function()
    local _, errors, status = shell.script("train_vae.lua", "--resume " .. out:path "vae")
    assert.equal(("--resume: %s: there is no such folder\n"):format(out:path "vae"), errors)
    assert.equal(1, status)
    assert.equal("", out:list())
  end)

  it("that cannot begin leaves no folder", function()
    shell.script("train_vae.lua", ("--data /nowhere --out '%s/new'"):format(out.name))
    assert.is_nil(gl.core.file_kind(out:path "new"))
  end)

  it("does nothing on resuming when it is finished, and goes on where more epochs are asked for", function()
    local before = shell.last_line(shell.script("train_vae.lua", arguments "--quiet"))
    local report, model = out:read "report.html", out:read "model.safetensors"
    os.remove(out:path "samples.png")
    local output, errors, status = shell.script("train_vae.lua", "--resume " .. out.name)
    assert.equal("", errors)
    assert.equal(0, status)
    assert.equal(("%s is finished: its 2 epochs are done (--epochs goes on to more)\n%s\n"):format(out.name, before),
      output)
    assert.is_nil(gl.core.file_kind(out:path "samples.png"))
    assert.is_true(report == out:read "report.html" and model == out:read "model.safetensors")
    output = shell.script("train_vae.lua", ("--resume %s --epochs 3"):format(out.name))
    assert.matches("at epoch 3, step 1", output)
    assert.equal(4, #rows(out:read "log.csv"))
    assert.is_true(report ~= out:read "report.html")
  end)

  it("keeps to its options when it is resumed", function()
    shell.script("train_vae.lua", arguments())
    local _, errors, status = shell.script("train_vae.lua", arguments "--resume --latent 7")
    assert.equal("--latent: this run was started with 2, not 7\n", errors)
    assert.equal(1, status)
    _, errors = shell.script("train_ae.lua", "--resume " .. out.name)
    assert.equal(("%s: a run of train_vae, not of train_ae\n"):format(out.name), errors)
  end)

  for name, number in pairs {INT = 2, TERM = 15, HUP = 1} do
    it(("stops at SIG%s with a checkpoint"):format(name), function()
      local _, errors, status = shell.run(([[%s >/dev/null & p=$!
        while kill -0 $p 2>/dev/null && [ ! -e '%s/checkpoint.safetensors' ]; do sleep 0.02; done
        kill -%s $p; wait $p]]):format(
        shell.lua("scripts/train_vae.lua", arguments "--epochs 100000"), out.name, name))
      assert.matches("^stopped in epoch %d+ at step %d+; go on with %-%-resume " .. out.name:gsub("%p", "%%%0")
        .. "\n$", errors)
      assert.equal(128 + number, status)
      assert(safetensors.load(out:path "checkpoint.safetensors"))
    end)
  end

  it("goes on after SIGHUP where it was started by nohup", function()
    local _, errors, status = shell.run(([[trap '' HUP; %s >/dev/null & p=$!
      while kill -0 $p 2>/dev/null && [ ! -e '%s/checkpoint.safetensors' ]; do sleep 0.02; done
      kill -HUP $p; wait $p]]):format(
      shell.lua("scripts/train_vae.lua", arguments "--quiet"), out.name))
    assert.same({"", 0}, {errors, status})
  end)

  it("keeps its last checkpoint and model where a file may not grow so large", function()
    shell.script("train_vae.lua", arguments "--quiet")
    local model = out:read "model.safetensors"
    local _, errors, status = shell.run("ulimit -f 4; " .. shell.lua("scripts/train_vae.lua",
      "--quiet --epochs 3 --resume " .. out.name))
    assert.matches("^[^\n]+\n$", errors)
    assert.is_true(status == 1 or status > 128, tostring(status))
    assert.is_true(model == out:read "model.safetensors")
    local _, problems, ended = shell.script("train_vae.lua", "--quiet --epochs 3 --resume " .. out.name)
    assert.same({"", 0}, {problems, ended})
  end)
end)

describe("a run that is killed at the end of its last epoch", function()
  it("has the last epoch's model after it was resumed, whichever file came last", function()
    local once = "--data '%s' --hidden 8 --epochs 2 --batch 100 --seed 9 --quiet --out '%s' %s"
    shell.script("train_vae.lua", once:format(data.name, out.name, ""))
    local last = out:read "model.safetensors"
    -- what there is just before the checkpoint of the last epoch is written: the model is new, the checkpoint old
    local earlier = Folder.new()
    shell.script("train_vae.lua", once:format(data.name, earlier.name, ""):gsub("epochs 2", "epochs 1"))
    os.rename(earlier:path "checkpoint.safetensors", out:path "checkpoint.safetensors")
    shell.script("train_vae.lua", once:format(data.name, out.name, "--resume"))
    assert.is_true(last == out:read "model.safetensors")
    earlier:remove()
  end)

  it("writes its model before the checkpoint that says that the epoch is over", function()
    local program = [[
      local gl = require "genlat"
      local names, write = {}, gl.core.safetensors_write
      gl.core.safetensors_write = function(path, ...)
        names[#names + 1] = path:match "[^/]+$"
        return write(path, ...)
      end
      arg = {[0] = "scripts/train_vae.lua", "--data", "%s", "--out", "%s", "--hidden", "8", "--epochs", "1", "--quiet"}
      dofile "scripts/train_vae.lua"
      print(table.concat(names, " "))]]
    local output = shell.run(shell.lua(out:write("order.lua", program:format(data.name, out.name))))
    assert.matches("^checkpoint.safetensors model.safetensors checkpoint.safetensors checkpoint.safetensors$",
      shell.last_line(output))
  end)
end)

describe("a run that is killed again and again", function()
  it("gives the same model and checkpoint, bit for bit, as one that was not", function()
    math.randomseed(20)
    kills.check("train_vae.lua", ("--data '%s' --hidden 16 --epochs 6 --batch 20 --seed 9 --quiet --out '%%s'")
      :format(data.name), 6)
  end)
end)

describe("two runs that begin at once", function()
  local options
  setup(function() options = ("--data '%s' --hidden 8 --batch 100 --seed 9 --quiet"):format(data.name) end)

  it("are both whole, each in a folder of its own", function() races.numbered("train_vae.lua", "vae", options, 1) end)

  it("in the same folder: one goes on, the other is refused", function() races.named("train_vae.lua", options, 1) end)
end)

describe("a run begun anew in a run's folder", function()
  it("keeps the run that was there, with what was found about its model", function()
    assert.equal(0, select(3, shell.script("train_vae.lua", arguments "--quiet")))
    local space = assert(gl.load(out.name))
    space.directions:set("up", gl.ones(space.latent))
    assert(space.directions:save())
    local model = out:read "model.safetensors"
    local output = shell.script("train_vae.lua", arguments "--latent 3")
    assert.matches(("%s: the run that was here is kept in %s/old\n"):format(out.name, out.name), output, 1, true)
    assert.same({}, gl.load(out.name).directions:names())
    assert.same({"up"}, gl.load(out:path "old").directions:names())
    assert.is_true(model == out:read "old/model.safetensors")
    output = shell.script("train_vae.lua", ("--resume %s/old --epochs 3"):format(out.name))
    assert.matches("at epoch 3, step 1", output)
  end)
end)
