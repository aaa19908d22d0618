-- checkpoint.lua: what is read from a checkpoint is checked before anything is made of it.
local gl = require "genlat"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local Folder = dofile "spec/io/folder.lua"
local tiny = dofile "spec/train/tiny.lua"

describe("a checkpoint", function()
  local place, out, path, tensors, state
  setup(function()
    place = Folder.new()
    out = place:path "run"
    path = out .. "/checkpoint.safetensors"
    assert.is_nil(tiny.train(tiny.open("--out", out)))
    local metadata
    tensors, metadata = assert(safetensors.load(path))
    state = metadata.state
  end)
  teardown(function() place:remove() end)

  -- What resuming says of the checkpoint with a change, without its path; nothing where it goes on.
  local function said(change_state, change_tensors)
    local changed, copy = json.decode(state), {}
    for name, tensor in pairs(tensors) do copy[name] = tensor:clone() end
    if change_state then change_state(changed) end
    if change_tensors then change_tensors(copy) end
    assert(safetensors.save(path, copy, {state = json.encode(changed)}))
    local before = place:read "run/checkpoint.safetensors"
    local run
    local ok, problem = pcall(function()
      run = tiny.open("--resume", out, "--epochs", "3")
      tiny.begin(run)
    end)
    gl.core.release_interrupt()
    if run and run.lock then run.lock:release() end
    if ok then return nil end
    assert.is_string(problem)
    assert.is_nil(problem:find "%c")
    assert.equal(path .. ": ", problem:sub(1, #path + 2))
    assert.is_true(before == place:read "run/checkpoint.safetensors")
    return problem:sub(#path + 3)
  end

  it("is taken as it was written", function() assert.is_nil(said()) end)

  it("with a wrong field is refused by the field's name, whatever stands there", function()
    local count = 0
    local function try(field, rule, ...)
      local keys = {}
      for key in field:gmatch "[^.]+" do keys[#keys + 1] = math.tointeger(tonumber(key)) or key end
      for _, value in ipairs {...} do
        local message = said(function(s)
          for i = 1, #keys - 1 do s = s[keys[i]] end
          s[keys[#keys]] = value ~= "gone" and value or nil
        end)
        count = count + 1
        assert.matches("state." .. field:gsub("%.(%d+)", "[%1]") .. " is " .. rule .. ", not ", message or "nothing", 1,
          true)
      end
    end
    try("run", "a text", "gone", 3, {})
    try("options", "a table", "gone", 3)
    try("epoch", "a whole number from 1", "gone", "1", 0, 1.5, {})
    try("step", "a whole number from 1", "gone", -1)
    try("seconds", "a number from 0", "gone", "x", -1)
    try("sums", "a table", "gone", 3)
    try("memory", "a table", "gone", 3)
    try("rows.1.train.loss", "a number", "gone", "x", {})
    try("rows.1.epoch", "a whole number from 1", "gone", "x")
    try("rows.2.seconds", "a number from 0", "gone", -1)
    try("rng.1", "a whole number as a text", 3, "x", "1.5", "99999999999999999999")
    try("notes", "a table or nothing", 3)
    try("ended", "a text or nothing", 3)
    try("rates.1.lr", "a number above 0", "gone", 0, "x")
    for field, value in pairs {epochs = "x", lr = "-1", data = true, size = "3"} do
      local message = said(function(s) s.options[field] = value end)
      assert.matches(("^state%%.options%%.%s: '?%s'? is not a "):format(field, value), message)
    end
    assert.is_true(count > 30)
    assert.equal("state.rng is a list of 2, each a whole number as a text, not a list of 1",
      said(function(s) s.rng = {"1"} end))
    assert.matches("^state%.steps%.adam is ", said(function(s) s.steps.adam = "x" end))
    assert.matches("^state%.steps%.adam: ", said(function(s) s.steps = {} end))
    assert.matches("^state%.steps%.adam: ", said(function(s) s.steps.adam = {steps = 3, parameters = {1}} end))
    assert.matches("^state%.sums", said(function(s) s.step = 3 end))
    assert.is_nil(said(function(s) s.notes, s.ended, s.rates = nil, nil, nil end)) -- as older runs are
  end)

  it("without one of its tensors, or with another shape, is refused", function()
    for name, tensor in pairs(tensors) do
      assert.equal(("tensors.%s is a tensor of %s, not nothing"):format(name, table.concat(tensor.shape, "x")),
        said(nil, function(list) list[name] = nil end))
      assert.matches(("tensors.%s is a tensor of "):format(name),
        said(nil, function(list) list[name] = gl.zeros(7, 7) end), 1, true)
    end
  end)

  it("that does not fit leaves the optimizers as they are", function()
    local checkpoint = require "genlat.runs.checkpoint"
    local model = gl.nn.Linear(2, 2)
    local function parts_of(m)
      return {model = m, optimizers = {a = gl.optim.Adam(model), b = gl.optim.Adam(model)}, keep = {}, train = {},
        test = {}}
    end
    local folder = place:path "small"
    assert(gl.core.mkdirs(folder))
    local parts = parts_of(gl.nn.Sequential(model))
    local data = {run = "x", options = {}, epoch = 1, step = 1, seconds = 0, sums = {}, memory = {}, rows = {}}
    assert(checkpoint.save(folder, data, parts))
    local function steps_of(key) return (select(2, parts.optimizers[key]:state())) end
    local before = {a = steps_of "a", b = steps_of "b"}
    local read, found = assert(checkpoint.load(folder))
    read.steps.a, read.steps.b, found["model.more"] = 7, 7, gl.zeros(1)
    local ok, message = checkpoint.restore(folder, read, found, parts)
    assert.is_nil(ok)
    assert.matches("the model has no more$", message)
    assert.same(before, {a = steps_of "a", b = steps_of "b"})
    found["model.more"], read.steps.b = nil, {steps = 7, parameters = {1, 2, 3}}
    assert.is_nil((checkpoint.restore(folder, read, found, parts)))
    assert.same(before, {a = steps_of "a", b = steps_of "b"})
  end)

  it("that is none is refused", function()
    for metadata, message in pairs {
      ["{"] = "state: ", ["3"] = "state is a table, not 3", ["[]"] = "state.epoch is ", [("["):rep(3000)] = "state: ",
    } do
      assert(safetensors.save(path, {x = gl.zeros(1)}, {state = metadata}))
      local ok, problem = pcall(tiny.open, "--resume", out)
      assert.is_false(ok)
      assert.equal(path .. ": " .. message, problem:sub(1, #path + 2 + #message))
    end
    assert(safetensors.save(path, {x = gl.zeros(1)}, {}))
    local _, problem = pcall(tiny.open, "--resume", out)
    assert.equal(path .. ": not a checkpoint of genlat's: it has no state", problem)
  end)
end)
