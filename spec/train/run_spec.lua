-- A run's folder, its checkpoints, and how it ends.
local safetensors = require "genlat.safetensors"
local json = require "genlat.json"
local Folder = dofile "spec/io/folder.lua"
local tiny = dofile "spec/train/tiny.lua"

local out
before_each(function() out = Folder.new() end)
after_each(function() out:remove() end)

describe("run.notes", function()
  it("are in the checkpoint, in the model's notes, and there again on resuming", function()
    local run = tiny.open("--out", out.name, "--epochs", "1")
    run.notes.classes = {"a", "b"}
    tiny.train(run)
    local _, metadata = assert(safetensors.load(out:path "model.safetensors"))
    assert.same({"a", "b"}, json.decode(metadata.notes).classes)
    assert.same({classes = {"a", "b"}}, tiny.open("--resume", out.name).notes)
  end)
end)
