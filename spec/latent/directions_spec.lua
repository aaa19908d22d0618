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
    assert.error_matches(function() store:set("x", gl.ones(2):byte()) end, "'x' is of uint8, not float32")
    assert.same({}, store:names())
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

  -- What is said about a file with such notes, without its path; nothing where it loads.
  local function said(notes, vector)
    local folder = Folder.new()
    finally(function() folder:remove() end)
    local path = folder:path "directions.safetensors"
    assert(safetensors.save(path, {x = vector or gl.ones(2)}, {format = "genlat directions", notes = notes}))
    local store, message = Directions.load(folder.name, 2)
    assert.is_true(store ~= nil or type(message) == "string" and not message:find "[\n\r]")
    return not store and message:sub(#path + 3) or nil
  end

  it("with notes of wrong types are refused", function()
    local range, word = "its range is two finite numbers, the smaller first", "is at most 60 printable characters"
    local sure, many = "its sure is a number from 0 to 1", ("x"):rep(61)
    for notes, message in pairs {
      ['{"range": [-1e999, 1]}'] = range, ['{"range": [0, 1e999]}'] = range, ['{"range": [NaN, 1]}'] = range,
      ['{"range": ["a", 1]}'] = range, ['{"range": [1]}'] = range, ['{"range": 3}'] = range,
      ['{"unit": 3}'] = "its unit " .. word, ['{"unit": "\\u001b[2J"}'] = "its unit " .. word,
      ['{"unit": "\\u009b2J"}'] = "its unit " .. word, ['{"unit": "' .. many .. '"}'] = "its unit " .. word,
      ['{"method": {}}'] = "its method " .. word, ['{"method": "a\\nb"}'] = "its method " .. word,
      ['{"method": "' .. many .. '"}'] = "its method " .. word,
      ['{"answers": "3"}'] = "its answers is a whole number from 0",
      ['{"answers": 2.5}'] = "its answers is a whole number from 0",
      ['{"sure": "very"}'] = sure, ['{"sure": 1e999}'] = sure, ['{"sure": 2}'] = sure,
      ['3'] = "its notes are a table, not a number", ['"range"'] = "its notes are a table, not a string",
    } do
      assert.equal("the direction 'x': " .. message, said('{"x": ' .. notes .. "}"))
    end
    assert.is_nil(said('{"x": {"range": [-3, 2], "unit": "' .. ("°"):rep(60)
      .. '", "method": "compass", "answers": 30, "sure": 0.5, "against": "others"}}'))
    assert.is_nil(said "{}")
    assert.equal("these are no directions", said "3")
    assert.equal("the direction 'x' has the length inf", said("{}", gl.tensor {1, math.huge}))
    assert.equal("the direction 'x' is of uint8, not float32", said("{}", gl.ones(2):byte()))
  end)

  it("of a file that is cut off are a message, wherever it is cut", function()
    local folder = Folder.new()
    finally(function() folder:remove() end)
    local store = Directions.new(folder.name, 2)
    store:set("x", gl.ones(2), {method = "means"})
    assert(store:save())
    local bytes = folder:read "directions.safetensors"
    for length = 0, #bytes - 1 do
      folder:write("directions.safetensors", bytes:sub(1, length))
      local found, message = Directions.load(folder.name, 2)
      assert.is_nil(found)
      assert.is_string(message)
    end
  end)
end)
