-- What a run notes of its data set, and what becomes of the run when that changes.

local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local dataset = require "genlat.runs.dataset"
local models = require "genlat.models"
local train = require "genlat.train"

describe("a run's data set", function()
  local place, here
  before_each(function()
    place, here = Folder.new(), os.getenv "XDG_CACHE_HOME"
    local before = os.getenv
    rawset(os, "getenv", function(name) -- decoded images go here
      return name == "XDG_CACHE_HOME" and place:path "cache" or before(name)
    end)
    here = before
  end)
  after_each(function()
    rawset(os, "getenv", here)
    place:remove()
  end)

  -- A folder of images of classes, `n` of each; every image is another one.
  local function make(name, classes, n)
    for c, class in ipairs(classes) do
      gl.core.mkdirs(place:path(("%s/%s"):format(name, class)))
      for i = 1, n do
        gl.write_png(place:path(("%s/%s/%d.png"):format(name, class, i)), gl.full({4, 4, 1}, (10 * c + i) / 255))
      end
    end
    return place:path(name)
  end

  -- A run as Run.open gives it, and what it said. saved: of an earlier session, whose notes it has.
  local function open(values, saved)
    local run = {values = values, given = {data = values.given}, notes = saved and saved.notes or {}, folder = "runs/x",
      said = {}, saved = saved and {state = {epoch = 3, step = 7}}}
    function run:say(format, ...) self.said[#self.said + 1] = format:format(...) end
    return run, dataset.open(run, {needs = values.needs})
  end

  it("is noted with its absolute path, its size, a fingerprint and the names of the classes", function()
    local path = make("pets", {"cat", "dog"}, 3)
    local run, set = open {data = path}
    local note = run.notes.dataset
    assert.same({"pets", gl.core.real_path(path), 5, 1}, {note.name, note.path, note.train, note.test})
    assert.equal(gl.data.fingerprint(set), note.fingerprint)
    assert.same({"cat", "dog"}, run.notes.classes)
    assert.same({}, run.said)
  end)

  it("is found from another working folder, by what the run keeps of --data", function()
    make("pets", {"cat", "dog"}, 3)
    make("here", {}, 0)
    local shell = dofile "spec/scripts/shell.lua"
    local program = place:write("program.lua", ([[
      local dataset = require "genlat.runs.dataset"
      local run = {values = {data = arg[1]}, given = {}, notes = {}, say = print}
      assert(dataset.open(run))
      io.write(run.values.data)
    ]]))
    local root = gl.core.real_path "."
    local command = shell.lua(program):gsub("%./", root .. "/")
    local output, errors = shell.run(("cd '%s' && %s pets/../pets"):format(place.name, command))
    assert.same({gl.core.real_path(place:path "pets"), ""}, {output, errors})
  end)

  it("may be moved, and is then named anew", function()
    local run = open {data = make("pets", {"cat", "dog"}, 3)}
    os.rename(place:path "pets", place:path "animals")
    local _, nothing, message = open({data = run.values.data}, run)
    assert.is_nil(nothing)
    assert.equal(("the data set of this run was in %s, and is not there: say where it is now with --data"):format(
      gl.core.real_path(place.name) .. "/pets"), message)
    local again, set = open({data = place:path "animals", given = true}, run)
    assert.equal(5, set.train.count)
    assert.same({}, again.said)
    assert.equal(place:path "animals", again.values.data)
  end)

  it("that changed is refused, or accepted by --changed-data and told", function()
    local path = make("pets", {"cat", "dog"}, 3)
    local run = open {data = path}
    gl.write_png(path .. "/cat/4.png", gl.zeros(4, 4, 1))
    local _, nothing, message = open({data = path}, run)
    assert.is_nil(nothing)
    assert.equal(("the data set %s is not the one that runs/x was trained on: it had 5 + 1 images, now 6 + 1 images "
      .. "(--changed-data goes on all the same, but not as an unbroken run would)"):format(path), message)
    local again, set = open({data = path, changed_data = true}, run)
    assert.equal(6, set.train.count)
    assert.matches(": from here on this is not the run that it would have been unbroken$", again.said[1])
    assert.same({{epoch = 3, step = 7, train = 5, test = 1}}, again.notes.data_changes)
    assert.same({{"data changed", "in epoch 3 at step 7 (5 + 1 images before): not the run that it would have been "
      .. "unbroken"}}, dataset.facts(again))
    again = open({data = path}, again)
    assert.same({}, again.said)
    gl.write_png(path .. "/cat/4.png", gl.ones(4, 4, 1)) -- as many, but others
    message = select(3, open({data = path}, again))
    assert.matches(": it has 6 %+ 1 images as before, but not the same ones %(", message)
  end)

  it("with other classes is refused where the model is told them", function()
    local needs = "a conditional model is told one"
    local path = make("pets", {"cat", "dog"}, 3)
    local run = open {data = path, needs = needs}
    os.rename(path .. "/cat", path .. "/ant")
    local _, nothing, message = open({data = path, needs = needs, changed_data = true}, run)
    assert.is_nil(nothing)
    assert.equal("the classes of pets (ant, dog) are not those that the model learned (cat, dog): it knows no 'ant'",
      message)
    local _, set = open({data = path, changed_data = true}, run)
    assert.same({"ant", "dog"}, set.classes)
  end)

  it("without labels is refused where they are needed", function()
    make("flat", {"."}, 3)
    local _, nothing, message = open {data = place:path "flat", needs = "a conditional model is told one"}
    assert.is_nil(nothing)
    assert.equal("flat has no labels: a conditional model is told one", message)
  end)

  it("that an old run did not note is taken for the same, and that is said", function()
    local path = make("pets", {"cat", "dog"}, 3)
    local run, set = open({data = path}, {notes = {}})
    assert.equal(5, set.train.count)
    assert.same({"the run did not note its data set: the one found now is taken for the same (5 + 1 images)"}, run.said)
  end)

  describe("of a trained model", function()
    local path, space
    before_each(function()
      path = make("pets", {"cat", "dog", "fox"}, 3)
      local run = open {data = path}
      run.notes.options = {data = run.values.data}
      gl.core.mkdirs(place:path "run")
      local model = gl.models.cvae {image = {4, 4, 1}, hidden = {4}, latent = 2, classes = 3}
      assert(models.save(place:path "run/model.safetensors", model, run.notes))
      space = assert(gl.load(place:path "run"))
    end)

    it("is loaded, and says when it is another one", function()
      assert.same({"cat", "dog", "fox"}, space.data.classes)
      assert.equal(8, space.data.train.count)
      os.remove(path .. "/cat/1.png")
      local again = gl.load(place:path "run")
      assert.same({"cat", "dog", "fox"}, again.classes)
      assert.error_matches(function() return again.data end, "^the data set .*/pets is not the one that the model was "
        .. "trained on: it had 8 %+ 1 images, now 7 %+ 1 images %(%-%-data, or in Lua space.data = gl.data.load")
      os.rename(path, place:path "moved")
      assert.error_matches(function() return gl.load(place:path "run").data end, "^the data set of this run was in "
        .. ".*/pets, and is not there: name another with %-%-data, or in Lua set space.data$")
    end)

    it("has labels that mean what the model learned, also in another set", function()
      make("others", {"fox", "cat"}, 2)
      local set = assert(dataset.other(place:path "others", space.notes, space.model))
      assert.same({"cat", "dog", "fox"}, set.classes)
      for i, label in ipairs(set.train.labels:totable()) do
        local value = set.train.images[{i, 1, 1, 1}]:item() -- 11, 12 of the fox, 21, 22 of the cat
        assert.equal(value < 20 and 3 or 1, label)
      end
      make("strange", {"cow"}, 2)
      make("strange", {"pig"}, 2)
      local nothing, message = dataset.other(place:path "strange", space.notes, space.model)
      assert.is_nil(nothing)
      assert.equal("the classes of strange (cow, pig) are not those that the model learned (cat, dog, fox): it knows "
        .. "no 'cow'", message)
    end)

    it("may be assigned to the space, and then counts as the model does", function()
      make("others", {"fox", "cat"}, 2)
      space.data = gl.data.load(place:path "others")
      assert.same({"cat", "dog", "fox"}, space.data.classes)
      assert.same({"cat", "dog", "fox"}, space.classes)
      make("strange", {"cow", "pig"}, 2)
      assert.error_matches(function() space.data = gl.data.load(place:path "strange") end,
        "^data: the classes of strange %(cow, pig%) are not those that the model learned")
      assert.same({"cat", "dog", "fox"}, space.data.classes)
    end)

    it("is brought to the form of the model's images", function()
      local function vae(...) return gl.models.vae {image = {...}, hidden = {2}, latent = 1} end
      local digits = dofile("spec/scripts/shell.lua").small_data(20, 5)
      finally(function() digits:remove() end)
      assert.same({32, 32, 1}, assert(dataset.other(digits.name, {}, vae(32, 32, 1))).shape)
      gl.core.mkdirs(place:path "large")
      for i = 1, 3 do gl.write_png(place:path(("large/%d.png"):format(i)), gl.rand(9, 11, 3)) end
      assert.same({4, 4, 1}, assert(dataset.other(place:path "large", {}, vae(4, 4, 1))).shape)
      local nothing, message = dataset.other(digits.name, {}, vae(4, 4, 1))
      assert.is_nil(nothing)
      assert.matches("^%S+ has images of 28 x 28 x 1, the model of 4 x 4 x 1$", message)
    end)

    it("is matched by number where the model is old and names no classes, and says so", function()
      local notes = {options = {data = path}}
      local set = assert(dataset.of_model(notes, space.model))
      assert.matches("^the model does not name its classes: those of pets %(cat, dog, fox%) are matched by number$",
        set.notes[#set.notes])
      local vae = gl.models.vae {image = {4, 4, 1}, hidden = {2}, latent = 1}
      assert.same({}, assert(dataset.of_model(notes, vae)).notes)
    end)
  end)

  it("may have a path that is not UTF-8", function()
    local path = make("caf\xE9", {"cat", "dog"}, 3)
    local run = open {data = path}
    run.notes.options = {data = run.values.data}
    local model = gl.models.cvae {image = {4, 4, 1}, hidden = {4}, latent = 2, classes = 2}
    assert(models.save(place:path "model.safetensors", model, run.notes))
    assert.same({"cat", "dog"}, assert(gl.load(place:path "model.safetensors")).data.classes)
  end)

  it("is read as the options say", function()
    make("pets", {"cat"}, 3)
    local nothing, message = train.data.load {data = place:path "pets", fit = "crop"}
    assert.is_nil(nothing)
    assert.equal("--fit crop: --size says what to fit to", message)
    local set = assert(train.data.load {data = place:path "pets", fit = "stretch", size = 8, channels = 3})
    assert.same({8, 8, 3}, set.shape)
  end)
end)
