-- Files with damaged or foreign contents: each is read, or refused in one line that names the file; nothing else comes
-- of it.
local gl = require "genlat"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local Folder = dofile "spec/io/folder.lua"
local compass, mixture, steer = gl.latent.compass, gl.latent.mixture, gl.latent.steer

local random = math.random
local function pick(list) return list[random(#list)] end

local odd = {
  function() return random(-3, 3) end, function() return 1e300 end, function() return "x\27" end,
  function() return {} end, function() return {1, {2}} end, function() return {a = {b = "c"}} end,
  function() return true end, function() return json.null end, function() return 0.5 end, function() return "nan" end,
  function() return ("y"):rep(300) end, function() return 1 << 40 end,
}

-- One value somewhere in plain data replaced by an odd one, or taken away.
local function damage(data)
  local places = {}
  local function collect(t)
    for key, value in pairs(t) do
      places[#places + 1] = {t, key}
      if type(value) == "table" then collect(value) end
    end
  end
  collect(data)
  if #places == 0 then return end
  local place = pick(places)
  if random(4) == 1 then
    place[1][place[2]] = nil
  else
    place[1][place[2]] = pick(odd)()
  end
end

local function damage_tensors(tensors)
  local names = {}
  for name in pairs(tensors) do names[#names + 1] = name end
  table.sort(names)
  if #names == 0 then return end
  local name = pick(names)
  local changes = {
    function() tensors[name] = nil end, function() tensors[name] = gl.zeros(1) end,
    function() tensors[name] = tensors[name]:unsqueeze(1):contiguous() end,
    function() tensors[name] = gl.zeros(tensors[name].shape):byte() end,
    function() tensors["\27" .. name] = tensors[name] end, function() tensors[name] = tensors[name] * (0 / 0) end,
    function() tensors[name] = gl.zeros {} end,
  }
  pick(changes)()
end

describe("a file with damaged contents", function()
  local folder, space
  setup(function()
    gl.seed(1)
    folder = Folder.new()
    local model = gl.models.vae {image = {8, 8, 1}, hidden = {4}, latent = 2}
    assert(gl.models.save(folder:path "model.safetensors", model, {
      run = "vae", epochs = 2, options = {data = "digits", size = 8}, classes = {"a", "b"},
    }))
    space = gl.load(folder.name)
    space.directions:set("up", gl.ones(2), {method = "means", range = {-1, 1}, unit = "u", answers = 2, sure = 0.5})
    assert(space.directions:save())
    assert(mixture.fit(gl.randn(50, 2), {components = 2}):save(folder:path "sampler.safetensors"))
    local walk = steer.learn(space, "brighten", {walk = "steps", steps = 1, batch = 2})
    assert(steer.save(folder.name, {brighten = walk}))
  end)
  teardown(function() folder:remove() end)

  -- Damages a file 150 times; read() is to return a value, or nil and one line that names the file.
  local function try(name, field, read)
    local path = folder:path(name)
    local whole = folder:read(name)
    local refused = 0
    math.randomseed(11)
    for case = 1, 150 do
      local tensors, metadata = assert(safetensors.load(path))
      if field and random(3) > 1 then
        local data = json.decode(metadata[field])
        damage(data)
        metadata[field] = json.encode(data)
      elseif random(8) == 1 then
        metadata[next(metadata)] = pick {"", "{", "3", "[]", "\"x\""}
      else
        damage_tensors(tensors)
      end
      assert(safetensors.save(path, tensors, metadata))
      local ok, value, message = pcall(read)
      assert.is_true(ok, ("case %d: %s"):format(case, tostring(value)))
      if value == nil then
        refused = refused + 1
        assert.equal(path, message:sub(1, #path), ("case %d: %s"):format(case, message))
        assert.is_nil(message:find "%c", message)
        assert.is_nil(message:find("attempt to", 1, true), message)
      end
      folder:write(name, whole)
    end
    assert.is_true(refused > 20)
  end

  it("is refused or understood: a model's config", function()
    try("model.safetensors", "config", function() return gl.models.load(folder.name) end)
  end)

  it("is refused or understood: a model's notes", function()
    try("model.safetensors", "notes", function()
      local loaded, message = gl.load(folder.name)
      if not loaded then return nil, message end
      return tostring(loaded)
    end)
  end)

  it("is refused or understood: directions", function()
    local Directions = require "genlat.latent.directions"
    try("directions.safetensors", "notes", function()
      local store, message = Directions.load(folder.name, 2)
      if not store then return nil, message end
      return tostring(store)
    end)
  end)

  it("is refused or understood: a mixture", function()
    try("sampler.safetensors", nil, function()
      local found, message = mixture.load(folder:path "sampler.safetensors", 2)
      if not found then return nil, message end
      return found:log_density(found:sample(3))
    end)
  end)

  it("is refused or understood: walks", function()
    try("walks.safetensors", "notes", function()
      local walks, message = steer.load(folder.name, 2)
      if not walks then return nil, message end
      for _, walk in pairs(walks) do walk:move(gl.zeros(1, 2), 1) end
      return walks
    end)
  end)

  it("is refused or understood: answers to a compass", function()
    local session = compass.new(space)
    for _ = 1, 2 do
      session:propose(2)
      session:answer(1)
    end
    local text = json.encode(session:state())
    math.randomseed(12)
    local refused = 0
    for case = 1, 150 do
      local state = json.decode(text)
      damage(state)
      local ok, found, message = pcall(compass.restore, space, state)
      assert.is_true(ok, ("case %d: %s"):format(case, tostring(found)))
      if not found then
        refused = refused + 1
        assert.is_nil(message:find "%c", message)
      else
        found:propose(2)
      end
    end
    assert.is_true(refused > 20)
  end)
end)
