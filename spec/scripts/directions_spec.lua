-- directions.lua, as a user runs it.
local gl = require "genlat"
local judges = require "genlat.explore.judges"
local view = require "genlat.explore.directions"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

-- Runs are untrained models: what the script does with them is the same. The judges are untrained too, and lie in the
-- cache where the script looks for them.
local data, cache, vae, cvae, gan, faces

local function save(folder, kind, config, data_name)
  gl.seed(2)
  assert(gl.models.save(folder:path "model.safetensors", gl.models[kind](config), {options = {data = data_name}}))
end

setup(function()
  data, cache = shell.small_data(300, 60), Folder.new()
  vae, cvae, gan, faces = Folder.new(), Folder.new(), Folder.new(), Folder.new()
  save(vae, "vae", {hidden = {16}, latent = 4}, data.name)
  save(cvae, "cvae", {hidden = {16}, latent = 4}, data.name)
  save(gan, "gan", {hidden = {16}, latent = 5}, data.name)
  save(faces, "vae", {image = {16, 16, 3}, hidden = {16}, latent = 4}, "faces16")
  local set = gl.data.load(data.name)
  local place = gl.metrics.classifier.path(set):match "([^/]+)$"
  assert(gl.core.mkdirs(cache:path "genlat/classifiers"))
  assert(gl.models.save(cache:path("genlat/classifiers/" .. place), gl.models.lenet5 {image = set.shape, classes = 10}))
  set = gl.data.load "faces16"
  place = gl.metrics.regressor.path(set):match "([^/]+)$"
  assert(gl.core.mkdirs(cache:path "genlat/regressors"))
  local function nine(value) return gl.full({9}, value):totable() end
  assert(gl.models.save(cache:path("genlat/regressors/" .. place), gl.models.lenet5 {image = set.shape, classes = 9},
    {names = set.factor_names, mean = nine(0), std = nine(1), r2 = nine(0.9)}))
end)
teardown(function()
  for _, folder in ipairs {data, cache, vae, cvae, gan, faces} do folder:remove() end
end)

local function run(folder, more)
  return shell.run(("XDG_CACHE_HOME='%s' %s"):format(cache.name,
    shell.lua("scripts/directions.lua", ("'%s' --samples 20 --threads 1 %s"):format(folder.name, more or ""))))
end

local function ran(folder, more)
  local output, errors, status = run(folder, more)
  assert.equal("", errors)
  assert.equal(0, status)
  return output
end

local function fails(folder, more, message)
  local output, errors, status = run(folder, more)
  assert.equal("", output)
  assert.equal(message .. "\n", errors)
  assert.equal(1, status)
end

local function images_in(text) return select(2, text:gsub("data:image/png", "")) end

describe("directions.lua", function()
  it("finds a direction for each class, draws and keeps it", function()
    local output = ran(vae)
    assert.matches("\n" .. vae.name:gsub("%p", "%%%0") .. "/directions_means.svg\n", output)
    assert.matches("kept: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n", output)
    assert.matches("kept: [^\n]+\nweak %([^\n]+ %-%-against others or [^\n]+ may help\n$", output)
    assert.equal(70, images_in(vae:read "directions_means.svg"))
    local saved = gl.load(vae.name).directions
    local space = gl.load(vae.name)
    local examples = gl.latent.attributes.examples(space, {names = space.data.classes})
    local vector = gl.latent.attributes.means(examples)[4].vector
    assert.is_true((saved:vector "3" - vector):abs():max():item() < 1e-5)
    assert.equal("means", saved:get("3").notes.method)
  end)

  it("writes equal files for equal seeds, and keeps nothing if asked", function()
    local function files(seed)
      local out = Folder.new()
      local output = ran(vae, ("--method classifier --attributes 1,7 --against others --rows 2 --seed %d --no-save "
        .. "--out '%s'"):format(seed, out.name))
      assert.is_nil(output:find "kept")
      assert.matches("^1 classifier against others: .*told apart [01]%.%d+ %(chance 0%.%d+%)\n7 classifier", output)
      local text = out:read "directions_classifier.svg"
      assert.equal(2 * 2 * 7, images_in(text))
      out:remove()
      return text:gsub(out.name, "")
    end
    assert.is_true(files(1) == files(1))
    assert.is_true(files(1) ~= files(2))
    assert.is_nil(gl.load(vae.name).directions:get "1 classifier against others")
  end)

  it("measures factors in a table", function()
    local output = ran(faces, "--attributes smile,turn --against skin --measure --method means")
    assert.matches("^ +smile +skin hair_colour hair_length .- background  own / other\n", output)
    assert.matches("\nsmile against skin +[+-]%d%.%d%d .-  %d+%.%d%d\nturn against skin ", output)
    assert.matches("\nown / other, mean over 2 attributes: %d+%.%d%d %(of absolute changes: %d+%.%d%d%)\n", output)
    assert.matches("kept: smile against skin, turn against skin\n", output)
    assert.matches("What directions change: means", faces:read "directions_means_effects.svg")
    local weak = output:match "\nweak %(something else changes as much or more%): ([^;]+); a model with more latent"
    for _, name in ipairs {"smile against skin", "turn against skin"} do
      local times = tonumber(output:match("\n" .. name .. " [^\n]-  (%d+%.%d%d)\n"))
      assert.equal(times < 1, weak ~= nil and weak:find(name, 1, true) ~= nil)
    end
    local row = output:match "smile against skin +([^\n]+)"
    local numbers = {}
    for word in row:gmatch "%S+" do numbers[#numbers + 1] = tonumber(word) end
    assert.equal(10, #numbers)
  end)

  it("says in words what changes more, and which directions are weak", function()
    local list = {
      {name = "smile", attribute = "smile", changes = {0.5, -0.05}, times = 9.6, other = "skin"},
      {name = "skin", attribute = "skin", changes = {0.8, 0.08}, times = 0.1, other = "smile"},
      {name = "turn", attribute = "turn", changes = {0, 0}},
    }
    local words = {}
    for i, direction in ipairs(list) do words[i] = view.describe(direction, {column = {smile = 1, skin = 2}}) end
    assert.same({
      "+0.50, 9.6 times as much as any other (skin)", "+0.08, smile changes 10 times as much",
      "cannot be measured: the regressor explains less than half of its variance",
    }, words)
    assert.equal(words[3], view.describe(list[3], nil))
    assert.equal("weak (something else changes as much or more): skin; --against others or a model with more latent "
      .. "dimensions may help", view.weak({}, list))
    assert.is_nil(view.weak({}, {list[1], list[3]}))
  end)

  it("says that it trains a network, when it does", function()
    local set, of, print_line, lines = gl.data.load(data.name), gl.metrics.classifier.of, print, {}
    local globals = package.loaded._G
    gl.metrics.classifier.of = function(_, options)
      for step = 1, options.file and 0 or 2 do options.progress(step, 2) end
      return "network", "path"
    end
    globals.print = function(line) lines[#lines + 1] = line end
    local ok, message = pcall(function()
      judges.of(set, "classifier", "a file")
      assert.same({}, lines)
      assert.equal("network", judges.of(set, "classifier"))
    end)
    gl.metrics.classifier.of, globals.print = of, print_line
    assert(ok, message)
    assert.same({("training a network that tells the classes of %s apart, once (kept in %s)"):format(set.name,
      gl.metrics.classifier.path(set))}, lines)
  end)

  it("finds directions without labels", function()
    assert.matches("kept: component 1, component 2\n", ran(vae, "--method components --count 2"))
    assert.matches("activation 3: %d+%.%d %% of the activations' variance; ",
      ran(gan, "--method activations --count 3"))
    assert.matches("weight 1: ", ran(cvae)) -- a model that is told the class has no attributes here
    assert.matches("kept: weight 1, weight 2, weight 3, weight 4\n", ran(cvae, "--images 3,9 --class 5"))
    assert.equal(4 * 2 * 7, images_in(cvae:read "directions_weights.svg"))
  end)

  it("adds and subtracts groups", function()
    assert.equal(vae.name .. "/arithmetic.svg\n", ran(vae, "--arithmetic '3=1 - 8=1 + 5=1'"))
    local text = vae:read "arithmetic.svg"
    assert.equal(4 * 9, images_in(text))
    assert.matches("- 8=1", text, 1, true)
  end)

  it("says what it cannot do", function()
    fails(gan, "--method components", "directions: --method: a GAN draws its latent vectors from N(0, I), which has no "
      .. "components: take activations or weights")
    fails(cvae, "--method means", ("directions: --method: %s has no factors, and a CVAE is given the class: nothing "
      .. "for means; take components, activations or weights"):format(data.name:match "[^/]+$"))
    fails(vae, "--attributes 11", "directions: --attributes: there is no attribute '11'; there are 0, 1, 2, 3, 4, 5, "
      .. "6, 7, 8, 9")
    fails(vae, "--method weights --against 3", "directions: --against: the method weights knows none")
    fails(vae, "--images 61", "directions: --images: there are 60 test images, no number 61")
    fails(vae, "--class 3", "directions: --class: only conditional models (train_cvae, train_cgan) take --class; "
      .. "this is a VAE")
    fails(vae, "--arithmetic 3", "directions: --arithmetic: '3': expected groups such as smile=high, joined by + and - "
      .. "between spaces")
    fails(cvae, "--measure", ("directions: --measure: %s has no factors, and a CVAE is given the class: nothing to "
      .. "measure"):format(data.name:match "[^/]+$"))
  end)
end)
