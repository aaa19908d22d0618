-- The store of directions that belong to a run.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local safetensors = require "genlat.safetensors"
local Directions = require "genlat.latent.directions"

describe("directions", function()
  it("are kept in the folder with what was noted", function()
    local folder = Folder.new()
    local store = assert(Directions.load(folder.name, 2))
    assert.same({}, store:names())
    store:set("b", gl.tensor {1, 0}, {method = "means"})
    store:set("a 2", gl.tensor {0, 3})
    assert(store:save())
    store = assert(Directions.load(folder.name, 2))
    assert.same({"a 2", "b"}, store:names())
    assert.equal("means", store:get("b").notes.method)
    assert.same({-3, 3, "standard deviations"}, {store:range "a 2"})
    store:remove "b"
    assert.same({"a 2"}, store:names())
    folder:remove()
  end)

  it("say which there are", function()
    local store = Directions.new(nil, 2)
    assert.error_matches(function() store:vector "smile" end, "there is no direction 'smile'; none is saved yet")
    store:set("beard", gl.ones(2))
    assert.error_matches(function() store:vector "smile" end, "there are beard")
  end)

  it("refuse what is no direction", function()
    local store = Directions.new(nil, 2)
    assert.error_matches(function() store:set("x", gl.ones(3)) end, "'x' is 3, the latent space has 2 dimensions")
    assert.error_matches(function() store:set("x", gl.zeros(2)) end, "has the length 0")
    assert.error_matches(function() store:set("../x", gl.ones(2)) end, "a direction's name is letters")
    assert.error_matches(function() store:set("x", gl.ones(2), {range = {3, 1}}) end, "the smaller first")
  end)

  it("of a damaged file are told", function()
    local folder = Folder.new()
    local path = folder:path "directions.safetensors"
    assert(safetensors.save(path, {x = gl.ones(2)}, {format = "other"}))
    local store, message = Directions.load(folder.name, 2)
    assert.is_nil(store)
    assert.equal(path .. ": these are no directions", message)
    assert(safetensors.save(path, {x = gl.ones(3)}, {format = "genlat directions", notes = "{}"}))
    store, message = Directions.load(folder.name, 2)
    assert.is_nil(store)
    assert.matches("'x' is 3, the latent space has 2 dimensions", message)
    folder:remove()
  end)
end)
