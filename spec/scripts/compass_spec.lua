-- compass.lua, as a user runs it, its answers from a pipe.
local gl = require "genlat"
local json = require "genlat.json"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, run, out
setup(function()
  data = shell.small_data(100, 40)
end)
before_each(function()
  run, out = Folder.new(), Folder.new()
  gl.seed(4)
  local model = gl.models.vae {hidden = {16}, latent = 3}
  assert(gl.models.save(run:path "model.safetensors", model, {options = {data = data.name}, epochs = 1}))
end)
after_each(function()
  run:remove()
  out:remove()
end)
teardown(function() data:remove() end)

local function compass(answers, arguments, ...)
  return shell.run(("printf '%s' | "):format(answers) .. "GENLAT_TERMINAL=plain COLUMNS=70 "
    .. shell.lua("scripts/compass.lua", ("'%s' --threads 1 "):format(run.name) .. arguments:format(...)))
end

local function kept() return json.decode(run:read "compass.json") end

describe("compass.lua", function()
  it("asks, keeps the answers, and saves the direction with its strip", function()
    local output, errors, status = compass("1\\n2\\n=\\nu\\n1\\n", "--name tall --out '%s'", out.name)
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("2 answers, %d+ %% sure. Which has more tall%? %[1/2/=/u/s/q%]", output)
    assert.matches(run:path "directions.safetensors", output, 1, true)
    assert.matches(out:path "compass_tall.svg", output, 1, true)
    assert.matches("from 3 answers", out:read "compass_tall.svg", 1, true)
    assert.matches(">The direction tall<", out:read "compass_tall.svg", 1, true)
    assert.matches("\nsaved as tall, %d+ %% sure\n", output)
    assert.matches("genlat compass %S+ %-%-apply tall\n$", output)
    local answers = kept().tall.answers
    assert.same({{1}, {2}, {1}}, {answers[1].answer, answers[2].answer, answers[3].answer})
    local space = gl.load(run.name)
    local session = assert(gl.latent.compass.restore(space, kept().tall))
    assert.is_true((session:fit() - space.directions:vector "tall"):abs():max():item() < 1e-6)
    local notes = space.directions:get("tall").notes
    assert.same({"compass", 3}, {notes.method, notes.answers})
  end)

  it("goes on with a name as if it had never stopped", function()
    compass("1\\n2\\nq\\n", "--name once")
    local output = compass("1\\n", "--name once")
    assert.matches("goes on with once after 2 answers", output)
    compass("1\\n2\\n1\\n", "--name whole")
    assert.same(kept().whole.answers, kept().once.answers)
    local directions = gl.load(run.name).directions
    assert.same(directions:vector "whole":totable(), directions:vector "once":totable())
  end)

  it("asks for a name, understands orders, shows what it has, and says what is no answer", function()
    local output, errors = compass("big ones\\n31\\n2>1>3\\n7\\ns\\nq\\n", "--set 3 --pictures '%s'", out:path "sets")
    assert.equal("", errors)
    assert.matches("'7' is no answer", output)
    assert.matches("big ones so far, from less to more:", output)
    local answers = kept()["big ones"].answers
    assert.same({{3, 1}, {2, 1, 3}}, {answers[1].answer, answers[2].answer})
    local picture = gl.read_png(out:path "sets/0002.png")
    assert.same({4 * (28 + 8), 4 * (3 * 28 + 16), 1}, picture.shape)
    assert.matches("compass_big ones.svg", output)
  end)

  it("gives equal files for equal seeds and answers", function()
    local function strip(seed)
      compass("1\\n1\\n", "--name x --seed %d --out '%s'", seed, out.name)
      compass("", "--remove x")
      return out:read "compass_x.svg"
    end
    local first = strip(1)
    assert.is_true(first == strip(1))
    assert.is_true(first ~= strip(2))
  end)

  it("lists, applies and removes what was found", function()
    assert.equal("nothing was found yet\n", (compass("", "--list")))
    compass("1\\n1\\n", "--name x --out '%s'", out.name)
    assert.matches("^x: compass, 2 answers, %d+ %% sure\n$", (compass("", "--list")))
    local before = out:read "compass_x.svg"
    local output = compass("", "--apply x --seed 9 --out '%s'", out.name)
    assert.equal(out:path "compass_x.svg", shell.last_line(output))
    assert.is_true(before ~= out:read "compass_x.svg")
    compass("", "--remove x")
    assert.equal("nothing was found yet\n", (compass("", "--list")))
    assert.equal("{}", run:read "compass.json")
  end)

  it("shows encoded test images where it is asked to", function()
    local output = compass("1\\n", "--name x --encoded --seed 3")
    assert.matches("\nsaved as x, [1-4]?%d %% sure: less than half", output)
    local shown = gl.tensor(kept().x.answers[1].z)
    local z = gl.load(run.name):encode_split(gl.data.load(data.name).test)
    for i = 1, 2 do assert.is_true((z - shown[i]):abs():max(2):min():item() < 1e-6) end
  end)

  it("says in one line what it cannot do", function()
    run:write("other", "")
    local space = gl.load(run.name)
    space.directions:set("known", gl.ones(3), {method = "means"})
    assert(space.directions:save())
    for _, case in ipairs {
      {"", "", "compass: no name was given"},
      {"", "--name '../x'", "compass: a direction's name is letters, digits, spaces and _ . : + - ~, at most 80 bytes, "
        .. "not '../x'"},
      {"", "--name known", "compass: there is a direction 'known' already, found by means: choose another name, or "
        .. "--remove it"},
      {"", "--set 10 --name x", "compass: --set: 2 to 9 images, not 10"},
      {"", "--class 3 --name x", "compass: --class: only conditional models (train_cvae, train_cgan) take --class; "
        .. "this is a VAE"},
      {"", "--apply y", "compass: --apply: there is no direction 'y'; there are known"},
      {"", "--remove y", "compass: --remove: there is no direction 'y'; there are known"},
    } do
      local _, errors, status = compass(case[1], case[2])
      assert.equal(case[3] .. "\n", errors)
      assert.equal(1, status)
    end
    run:write("compass.json", '{"x": {"seed": 1, "latent": 9, "answers": []}}')
    local _, errors = compass("1\\n", "--name x")
    assert.matches("compass.json: x: the answers are about 9 latent dimensions, the model has 3\n$", errors)
    local vectors = ('[%s[0,0,0]]'):format(("[0,0,0],"):rep(999))
    for text, message in pairs {
      ['{"seed": 1, "latent": 3, "answers": [{"z": [[1,2,3],[1e9,0,0]], "answer": 1}]}'] =
        "answer 1 is about latent vectors 100 standard deviations away or more",
      ['{"seed": 1, "latent": 3, "answers": [{"z": ' .. vectors .. ', "answer": 1}]}'] =
        "answer 1 is about 1000 images, not 2 to 9",
      ['{"seed": 1, "latent": 3, "answers": [3]}'] = "answer 1 is damaged",
      ['{"seed": "1", "latent": 3, "answers": []}'] = "these are no answers to a compass's questions",
      ["3"] = "these are no answers to a compass's questions",
    } do
      run:write("compass.json", ('{"x": %s}'):format(text))
      _, errors = compass("1\\n", "--name x")
      assert.equal(("compass: %s: x: %s\n"):format(run:path "compass.json", message), errors)
    end
    run:write("compass.json", "{")
    assert.matches("compass.json: these are no answers\n$", select(2, compass("1\\n", "--name x")))
  end)

  it("ends after as many answers as there may be", function()
    local answers = {}
    for i = 1, 1999 do answers[i] = {z = {{1, 0, 0}, {0, 0, i / 1999}}, answer = {1}} end
    run:write("compass.json", json.encode {x = {seed = 1, latent = 3, answers = answers}})
    local output, errors, status = compass("1\\n1\\n", "--name x --out '%s'", out.name)
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("\n2000 answers are enough\n", output)
    assert.equal(2000, gl.load(run.name).directions:get("x").notes.answers)
  end)

  it("with no answer saves nothing", function()
    local output, errors, status = compass("q\\n", "--name x")
    assert.equal("", errors)
    assert.equal(0, status)
    assert.equal("no direction: the answers say nothing", shell.last_line(output))
    assert.is_nil(gl.load(run.name).directions:get "x")
  end)
end)
