-- A run: its folder, its checkpoints, and how it ends.
local gl = require "genlat"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local Folder = dofile "spec/io/folder.lua"
local tiny = dofile "spec/train/tiny.lua"

local place, out
before_each(function()
  place = Folder.new()
  out = place:path "run"
end)
after_each(function() place:remove() end)

local function train(change, ...) return tiny.train(tiny.open(...), change) end

local function state_of(folder)
  local tensors, metadata = assert(safetensors.load(folder .. "/checkpoint.safetensors"))
  return json.decode(metadata.state), tensors
end

-- The files of the run, byte by byte.
local function files() return {place:read "run/model.safetensors", place:read "run/checkpoint.safetensors"} end

describe("run.notes", function()
  it("are in the checkpoint, in the model's notes, and there again on resuming", function()
    local run = tiny.open("--out", out, "--epochs", "1")
    run.notes.classes = {"a", "b"}
    assert.is_nil(tiny.train(run))
    assert.same({"a", "b"}, select(2, gl.models.load(out)).classes)
    run = tiny.open("--resume", out, "--epochs", "2")
    assert.same({classes = {"a", "b"}}, run.notes)
    run.lock:release()
  end)
end)

describe("--resume", function()
  local function refused(message, ...)
    local before = place:list()
    local ok, problem = pcall(tiny.open, ...)
    assert.is_false(ok)
    assert.equal((message:gsub("OUT", (out:gsub("%%", "%%%%")))), problem)
    assert.equal(before, place:list())
  end

  it("is an error where there is no run, and makes nothing", function()
    refused("--resume: OUT: there is no such folder", "--resume", out)
    refused("--resume: OUT: there is no such folder", "--resume", "--out", out)
    place:write("run", "")
    refused("--resume: OUT: that is a file, not a run's folder", "--resume", out)
  end)

  it("never replaces a model whose checkpoint is missing", function()
    assert.is_nil(train(nil, "--out", out))
    local model = place:read "run/model.safetensors"
    os.remove(out .. "/checkpoint.safetensors")
    refused("--resume: OUT: there is no checkpoint.safetensors to go on from", "--resume", out)
    assert.is_true(model == place:read "run/model.safetensors")
  end)

  it("refuses another script's run, a damaged checkpoint, and one that holds NaN", function()
    assert.is_nil(train(nil, "--out", out))
    local path = out .. "/checkpoint.safetensors"
    local tensors, metadata = safetensors.load(path)
    local function write(change)
      local state = json.decode(metadata.state)
      change(state)
      assert(safetensors.save(path, tensors, {state = json.encode(state)}))
    end
    write(function(state) state.run = "vae" end)
    refused("OUT: a run of train_vae, not of train_tiny", "--resume", out)
    local name = "optimizer.adam.exp_avg.1"
    tensors[name]:fill_(1 / 0)
    write(function() end)
    refused(("OUT/checkpoint.safetensors: tensor '%s' holds NaN or infinite numbers"):format(name), "--resume", out)
    place:write("run/checkpoint.safetensors", "junk")
    refused("OUT/checkpoint.safetensors: truncated: at least 8 bytes expected, 4 came", "--resume", out)
  end)

  it("with another --out goes on there, and leaves the run as it is", function()
    local whole, other = place:path "whole", place:path "other"
    assert.is_nil(train(nil, "--out", whole, "--epochs", "3"))
    assert.is_nil(train(nil, "--out", out, "--epochs", "1"))
    local before = files()
    assert.is_nil(train(nil, "--resume", out, "--out", other, "--epochs", "3"))
    assert.same(before, files())
    assert.is_true(place:read "whole/model.safetensors" == place:read "other/model.safetensors")
    refused("--out: there is a run in " .. other .. " already", "--resume", out, "--out", other)
    assert.is_nil(train(nil, "--resume", out, "--out", out .. "/", "--epochs", "2")) -- the same folder
  end)

  it("with another --out has a model there also where nothing is left to train", function()
    assert.is_nil(train(nil, "--out", out))
    assert.is_nil(train(nil, "--resume", out, "--out", place:path "other"))
    assert.is_true(place:read "run/model.safetensors" == place:read "other/model.safetensors")
  end)
end)

describe("--out", function()
  it("refuses a folder whose files training would replace", function()
    assert(gl.core.mkdirs(out))
    place:write("run/report.html", "mine")
    local ok, problem = pcall(tiny.open, "--out", out)
    assert.is_false(ok)
    assert.equal(("--out: %s has a file report.html, which is not a run's and would be replaced: choose another folder")
      :format(out), problem)
    assert.equal("mine", place:read "run/report.html")
  end)

  it("takes a folder with other files in it", function()
    assert(gl.core.mkdirs(out))
    place:write("run/mine.txt", "mine")
    assert.is_nil(train(nil, "--out", out))
    assert.equal("mine", place:read "run/mine.txt")
  end)
end)

describe("a folder in which a run trains", function()
  local HELD = "^" .. "%S+: another training is under way there %(process %d+%)$"

  it("is refused to a second one, by --out and --resume, until the first ends", function()
    assert.is_nil(train(nil, "--out", out, "--epochs", "1"))
    local first = tiny.open("--resume", out, "--epochs", "2")
    for _, words in ipairs {{"--out", out}, {"--resume", out}, {"--resume", "--out", out}} do
      local ok, problem = pcall(tiny.open, table.unpack(words))
      assert.is_false(ok)
      assert.matches(HELD, problem)
    end
    assert.is_nil(tiny.train(first))
    assert.is_nil(train(nil, "--resume", out, "--epochs", "3"))
  end)

  it("is refused also where both began before it was there, and the second changes nothing", function()
    local first, second = tiny.open("--out", out), tiny.open("--out", out)
    tiny.begin(first)
    local before = place:read "run/checkpoint.safetensors"
    assert.matches(HELD, tiny.train(second))
    assert.is_true(before == place:read "run/checkpoint.safetensors")
    first.lock:release()
    gl.core.release_interrupt()
  end)

  it("can be read", function()
    assert.is_nil(train(nil, "--out", out, "--epochs", "1"))
    local run = tiny.open("--resume", out, "--epochs", "2")
    assert(gl.models.load(out))
    run.lock:release()
  end)
end)

describe("a new run's number", function()
  local folder, lock = require "genlat.runs.folder", require "genlat.runs.lock"
  local claim, take = folder.claim, lock.take
  after_each(function() folder.claim, lock.take = claim, take end)

  it("is the next one where another process holds the folder, and an error where it cannot be locked", function()
    local claimed, free = 0, {release = function() end}
    function folder.claim()
      claimed = claimed + 1
      return place:path "run" .. claimed
    end
    function lock.take(path)
      if path:match "1$" then return nil, "held", true end
      assert(gl.core.mkdirs(path))
      return free
    end
    local run = tiny.open "--quiet"
    tiny.begin(run)
    gl.core.release_interrupt()
    assert.equal(place:path "run2", run.folder)
    function lock.take() return nil, "no space" end
    local ok, problem = pcall(tiny.begin, tiny.open "--quiet")
    assert.same({false, "no space"}, {ok, problem})
    assert.equal(3, claimed)
  end)
end)

-- Numbers that are none ----------------------------------------------------------------------------------------------

local STEP = {epoch = 2, last = tiny.STEPS}

local function parameter(model) return select(2, next(model:state_dict())):detach() end

-- What can go wrong after step 4 of epoch 2: the message begins with the first word.
local faults = {
  {"a parameter", "[%w_%.]+", function(model) parameter(model):fill_(0 / 0) end},
  {"an infinite parameter", "[%w_%.]+", function(model) parameter(model):fill_(1 / 0) end},
  {"the optimizer's state", "optimizer%.adam%.[%w_]+%.1", function(_, optimizer)
    optimizer:state()["exp_avg.1"]:fill_(0 / 0)
  end},
  {"the loss", "train_loss", function() return gl.tensor(0 / 0) end},
  {"an infinite loss", "train_loss", function() return gl.tensor(1 / 0) end},
}

describe("a run whose numbers become NaN or infinite", function()
  for _, fault in ipairs(faults) do
    it("keeps the last good model and checkpoint: " .. fault[1], function()
      assert.is_nil(train(nil, "--out", out, "--epochs", "1"))
      local good = files()
      local problem = train(function(model, epoch, step, optimizer)
        if epoch == STEP.epoch and step == STEP.last then return fault[3](model, optimizer) end
      end, "--resume", out, "--epochs", "2")
      assert.matches("^" .. fault[2] .. " became NaN or infinite in epoch 2 at step 4: " .. out:gsub("%p", "%%%0")
        .. " keeps its state of epoch 2, step 1; go on from there with a smaller rate: %-%-resume "
        .. out:gsub("%p", "%%%0") .. " %-%-lr 0%.0005$", problem)
      assert.is_true(good[1] == files()[1])
      local state = state_of(out)
      assert.same({2, 1}, {state.epoch, state.step})
      assert.is_nil(train(nil, "--resume", out, "--lr", "0.0005"))
      assert.equal(2, select(2, gl.models.load(out)).epochs)
    end)
  end

  it("keeps them where the test's loss is none", function()
    assert.is_nil(train(nil, "--out", out, "--epochs", "1"))
    local good, log = files(), place:read "run/log.csv"
    tiny.test = 0 / 0
    local problem = train(nil, "--resume", out, "--epochs", "2")
    tiny.test = nil
    assert.matches("^test_loss became NaN or infinite in epoch 2 at step 4: ", problem)
    assert.is_true(good[1] == files()[1])
    assert.equal(log, place:read "run/log.csv")
  end)

  it("says so when it begins", function()
    local run = tiny.open("--out", out)
    local begin = run.begin
    function run:begin(parts)
      parameter(parts.model):fill_(0 / 0)
      return begin(self, parts)
    end
    assert.matches("^[%w_%.]+ became NaN or infinite in epoch 1 at step 0: nothing was saved$", tiny.train(run))
    assert.is_nil(gl.core.file_kind(out .. "/checkpoint.safetensors"))
  end)
end)

describe("another --lr on resuming", function()
  it("is taken, kept, and told in the log", function()
    assert.is_nil(train(nil, "--out", out, "--epochs", "1"))
    local run = tiny.open("--resume", out, "--epochs", "2", "--lr", "0.0001")
    assert.is_nil(tiny.train(run))
    assert.equal("0.001, from epoch 2 on 0.0001", run:rates_text())
    run = tiny.open("--resume", out, "--epochs", "3")
    assert.equal(0.0001, run.values.lr)
    assert.is_nil(tiny.train(run))
    assert.matches("train_loss,test_loss,lr\n1,[^\n]*,0.001\n2,[^\n]*,0.0001\n3,[^\n]*,0.0001\n$",
      place:read "run/log.csv")
    assert.equal(0.0001, select(2, gl.models.load(out)).options.lr)
  end)
end)
