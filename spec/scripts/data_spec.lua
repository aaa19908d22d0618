-- What scripts do with data sets: what they say of them, and what becomes of runs whose data moved, changed or differ.

local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local root, place = gl.core.real_path ".", nil
setup(function()
  place = Folder.new()
  for c, class in ipairs {"cat", "dog", "fox"} do
    gl.core.mkdirs(place:path("pets/" .. class))
    for i = 1, 8 do
      local channels = i == 8 and 3 or 1
      gl.write_png(place:path(("pets/%s/%d.png"):format(class, i)), gl.full({8, 8, channels}, (9 * c + i) / 255))
    end
  end
  place:write("pets/cat/photo.jpg", "JPEG")
  place:write("pets/cat/broken.png", "no PNG")
end)
teardown(function() place:remove() end)

-- Runs a script in the folder `place`.
local function run(script, arguments)
  local command = shell.lua(root .. "/scripts/" .. script, arguments):gsub("'%./", "'" .. root .. "/")
    :gsub(";%./", ";" .. root .. "/")
  return shell.run(("cd '%s' && XDG_CACHE_HOME=cache %s --threads 1"):format(place.name, command))
end

local function ran(script, arguments)
  local output, errors, status = run(script, arguments)
  assert.equal("", errors)
  assert.equal(0, status)
  return output
end

local function fails(script, arguments, pattern)
  local output, errors, status = run(script, arguments)
  assert.equal(1, status)
  assert.equal("", output)
  assert.matches(pattern, errors)
  assert.equal(1, select(2, errors:gsub("\n", "")))
end

local TINY = "--hidden 4 --latent 2 --epochs 1 "
local FORM = "--channels 1 --size 8 --fit stretch --broken skip "

describe("scripts", function()
  it("have the options that messages speak of, and say what is left out", function()
    fails("train_vae.lua", TINY .. "--data pets --out no", ": say channels = 1 or channels = 3\n$")
    fails("train_vae.lua", TINY .. "--data pets --out no --channels 1", "/broken.png: truncated: ")
    fails("train_vae.lua", TINY .. "--data pets --out no --channels 2", "%-%-channels: '2' is not 1 or 3")
    fails("train_vae.lua", TINY .. "--data digits --out no --channels 1",
      "^digits: channels is an option of folders of images, these are sets that are drawn by program\n$")
    fails("train_vae.lua", TINY .. "--data digits --out no --transpose", "^digits: transpose is an option of IDX files")
    assert.is_nil(gl.core.file_kind(place:path "no"))
    local output = ran("train_cvae.lua", TINY .. FORM .. "--data pets --out run")
    assert.matches("pets: left out: 1 JPEG file %(only PNG is read%)\n", output)
    assert.matches("pets: left out: 1 broken file %(.*/broken.png: truncated: .*%)\n", output)
  end)

  it("refuse conditional training without labels, and leave no folder", function()
    for _, script in ipairs {"train_cvae.lua", "train_cgan.lua", "train_classifier.lua"} do
      fails(script, "--data pets/cat --epochs 1 --out none " .. FORM, "^cat has no labels: ")
    end
    assert.is_nil(gl.core.file_kind(place:path "none"))
  end)

  it("go on in another working folder and with data that moved", function()
    gl.core.mkdirs(place:path "elsewhere")
    local before = place.name
    place.name = before .. "/elsewhere"
    ran("train_cvae.lua", "--resume ../run --epochs 2 --quiet")
    place.name = before
    os.rename(place:path "pets", place:path "moved")
    fails("train_cvae.lua", "--resume run --epochs 3 --quiet",
      "^the data set of this run was in %S+/pets, and is not there: say where it is now with %-%-data\n$")
    ran("train_cvae.lua", "--resume run --epochs 3 --quiet --data moved")
    assert.same({"cat", "dog", "fox"}, gl.load(place:path "run").classes)
    assert.equal(gl.core.real_path(place:path "moved"), gl.load(place:path "run").notes.options.data)
  end)

  it("draw the classes by their names when folders were renamed, and refuse what the model does not know", function()
    ran("interpolate.lua", "run --class fox --out pictures")
    os.rename(place:path "moved/cat", place:path "moved/zebra")
    fails("interpolate.lua", "run --class fox --out pictures",
      "^the classes of moved %(dog, fox, zebra%) are not those that the model learned %(cat, dog, fox%): it knows no "
      .. "'zebra'\n$")
    fails("train_cvae.lua", "--resume run --epochs 4 --quiet --changed-data", "it knows no 'zebra'\n$")
    os.rename(place:path "moved/zebra", place:path "moved/cat")
    os.rename(place:path "moved/cat/1.png", place:path "moved/cat/99.png")
    fails("train_cvae.lua", "--resume run --epochs 4 --quiet",
      "^the data set %S+/moved is not the one that run was trained on: .*%-%-changed%-data goes on all the same")
    local output = ran("train_cvae.lua", "--resume run --epochs 4 --changed-data")
    assert.matches("from here on this is not the run that it would have been unbroken\n", output)
    assert.matches("\nepoch,.*,data_changes\n1,.*,0\n2,.*,0\n3,.*,0\n4,.*,1\n$", "\n" .. place:read "run/log.csv")
    assert.matches("data changed.*in epoch 4 at step 1", place:read "run/report.html")
  end)

  it("say of an old model that its classes are matched by number", function()
    local model, notes = gl.models.load(place:path "run")
    notes.classes, notes.dataset = nil, nil
    gl.core.mkdirs(place:path "old")
    assert(gl.models.save(place:path "old/model.safetensors", model, notes))
    local output = ran("interpolate.lua", "old --class fox --out pictures")
    assert.matches("the model does not name its classes: those of moved %(cat, dog, fox%) are matched by number\n",
      output)
    assert.equal(1, select(2, output:gsub("by number", "")))
  end)
end)
