-- anomaly.lua, as a user runs it.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

-- The first and last of three classes, few images: training is quick.
local function few_classes()
  local folder, first = Folder.new(), 1
  for _, part in ipairs {{"train", 400}, {"t10k", 200}} do
    local images, labels = gl.core.digits(part[2], 5, first)
    first = first + part[2]
    local rows = {}
    for i, label in ipairs(labels:totable()) do
      if label <= 3 then rows[#rows + 1] = i end
    end
    images, labels = images:index_select(gl.tensor(rows)), labels:float():index_select(gl.tensor(rows))
    assert(gl.write_idx(folder:path(part[1] .. "-images-idx3-ubyte.gz"), images:squeeze(4)))
    assert(gl.write_idx(folder:path(part[1] .. "-labels-idx1-ubyte"), (labels - 1):byte()))
  end
  return folder
end

local EPOCHS = 12

local data, all, without
local function train(folder, more, epochs)
  local _, errors, status = shell.script("train_vae.lua",
    ("--data '%s' --out '%s' --hidden 32 --latent 2 --batch 16 --lr 0.01 --epochs %d --quiet --threads 1 %s"):format(
      data.name, folder, epochs or EPOCHS, more or ""))
  assert(status == 0, errors)
end

setup(function()
  data, all, without = few_classes(), Folder.new(), Folder.new()
  train(all.name)
  train(without.name, "--without 0")
end)
teardown(function()
  for _, folder in ipairs {data, all, without} do
    folder:remove()
  end
end)

local function find(run, more)
  return shell.script("anomaly.lua", ("'%s' --threads 1 %s"):format(run.name, more or ""))
end

-- A CSV's lines as lists of cells.
local function rows_of(text)
  local rows = {}
  for line in text:gmatch "[^\n]+" do
    local row = {}
    for cell in (line .. ","):gmatch "([^,]*)," do
      row[#row + 1] = cell:match '^"(.*)"$' or cell
    end
    rows[#rows + 1] = row
  end
  return rows
end

describe("anomaly.lua", function()
  it("tells how well the class is found that was left out", function()
    local output, errors, status = find(without)
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("^scoring %d+ test images: about %d+ s\nscore +AUROC +average precision", output)
    local rows = rows_of(without:read "anomaly.csv")
    assert.same({"image", "class", "mse", "correlation", "reconstruction", "elbo", "deviance"}, rows[1])
    local scores, positives = {}, {}
    for i = 2, #rows do
      scores[i - 1], positives[i - 1] = tonumber(rows[i][7]), rows[i][2] == "0"
    end
    assert.equal(#gl.data.load(data.name).test.images, #scores)
    local auroc = gl.metrics.auroc(scores, positives)
    assert.is_true(auroc > 0.7) -- a 0 is unlike 1 and 2
    assert.matches(("deviance +%.3f  %.3f\n"):format(auroc, gl.metrics.average_precision(scores, positives))
      :gsub("%.", "%%."), output)
    assert.matches("^<svg.*never seen.*</svg>%s*$", without:read "anomaly.svg")
    local _, images = without:read("anomaly_images.svg"):gsub("data:image/png;base64,", "")
    assert.equal(6 * 10, images)
  end)

  it("says at once that images of both kinds are wanted", function()
    local output, errors, status = find(without, "--test-images 1")
    assert.equal("", output)
    assert.matches("^anomaly: %-%-test%-images: of 1 test images %d are of class 0: both are needed, it and others\n$",
      errors)
    assert.equal(1, status)
  end)

  it("runs nothing that a model's file says", function()
    local evil = Folder.new()
    local function attempt(run, options)
      options.data, options.epochs = data.name, 1
      assert(gl.models.save(evil:path "model.safetensors", gl.models.vae {hidden = {8}, latent = 2},
        {run = run, options = options, epochs = 1}))
      local _, errors, status = find(evil, "--each-class --methods mse")
      assert.equal(1, status)
      assert.is_nil(gl.core.file_kind(evil:path "touched"), errors)
      return errors
    end
    local command = "; touch " .. evil:path "touched" .. ";"
    attempt("vae", {hidden = {"8" .. command}})
    attempt("vae", {lr = "$(touch " .. evil:path "touched" .. ")"})
    local name = "x" .. command
    assert.equal(("the run names an option '%s', which is none\n"):format(name), attempt("vae", {[name] = 1}))
    assert.equal("the run does not say which script trained it\n", attempt("vae" .. command, {}))
    evil:remove()
  end)

  it("gives equal files for equal seeds", function()
    local out, again = Folder.new(), Folder.new()
    for _, folder in ipairs {out, again} do
      find(without, ("--methods elbo,inversion --test-images 50 --seed 4 --out '%s'"):format(folder.name))
    end
    for _, name in ipairs {"anomaly.svg", "anomaly_images.svg", "anomaly.csv"} do
      assert.is_true(out:read(name) == again:read(name), name)
    end
    assert.equal(51, #rows_of(out:read "anomaly.csv"))
    assert.same({"image", "class", "elbo", "inversion"}, rows_of(out:read "anomaly.csv")[1])
    out:remove()
    again:remove()
  end)

  it("lists the unusual test images of a run that knows all classes", function()
    local output, errors = find(all)
    assert.equal("", errors)
    assert.matches("\n *deviance +image\n *[%d.]+ +test %d+, %d\n", output)
    local points = {}
    for number in output:gmatch "\n( *[%d.]+)  test" do points[number:find(".", 1, true)] = true end
    assert.is_truthy(next(points))
    assert.is_nil(next(points, (next(points)))) -- all in one column
    assert.matches("knows all classes: %-%-each%-class trains it again without each, 3 models in about %d+ s\n$",
      output)
  end)

  it("trains without each class, skips what is finished and goes on with what is not", function()
    train(all:path "anomaly/1", "--without 1")
    train(all:path "anomaly/2", "--without 2", 1) -- as far as if it had been stopped after its first epoch
    local first_epoch = rows_of(all:read "anomaly/2/log.csv")[2]
    local output, errors, status = find(all, "--each-class --methods mse,elbo")
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("^training 2 models of 3 as ", output)
    assert.matches("\nwithout 0: trained in .-\nwithout 2: trained in ", output)
    local log = rows_of(all:read "anomaly/2/log.csv")
    assert.equal(1 + EPOCHS, #log)
    assert.same(first_epoch, log[2])
    -- as trained in one go, but for the clock
    local straight = rows_of(without:read "log.csv")
    local again = rows_of(all:read "anomaly/0/log.csv")
    for i = 2, 1 + EPOCHS do
      assert.same({table.unpack(straight[i], 3)}, {table.unpack(again[i], 3)})
    end
    local rows, mean = rows_of(all:read "anomaly.csv"), 0
    assert.equal(1 + 2 * (3 + 1), #rows)
    for i = 2, 6, 2 do
      assert.equal("mse", rows[i][2])
      mean = mean + tonumber(rows[i][3]) / 3
    end
    assert.is_true(math.abs(mean - tonumber(rows[8][3])) < 1e-5)
    assert.matches(("\nmean +%.3f"):format(mean):gsub("%.", "%%."), output)
    assert.matches("^scoring ", (find(all, "--each-class --methods mse"))) -- nothing is left to train
  end)

  it("does not take another run's models for this one's", function()
    local folder = Folder.new()
    os.execute(("cp -r '%s/.' '%s'"):format(all.name, folder.name))
    train(folder:path "anomaly/1", "--without 1 --beta 2", 1)
    local _, errors, status = find(folder, "--each-class")
    assert.equal(("%s: trained otherwise than the run itself (--beta): move it away\n"):format(folder:path "anomaly/1"),
      errors)
    assert.equal(1, status)
    folder:remove()
  end)

  it("scores the images of a folder beside the test images", function()
    local folder = Folder.new()
    gl.seed(1)
    gl.write_png(folder:path "noise.png", gl.rand(40, 30, 3))
    for i, name in ipairs {"a", "b"} do
      gl.write_png(folder:path(name .. ".png"), gl.data.load(data.name).test:head(2)[i])
    end
    local output, errors = find(all, ("--images '%s' --out '%s'"):format(folder.name, folder:path "out"))
    assert.equal("", errors)
    assert.matches("\n *[%d.]+ +0%.0 %%  [^\n]*/noise%.png\n", output)
    local rows = rows_of(folder:read "out/anomaly.csv")
    assert.equal(4, #rows)
    assert.matches("/a%.png$", rows[2][1])
    folder:remove()
  end)

  it("tells mistakes in one line", function()
    for _, case in ipairs {
      {without, "--each-class", ("anomaly: --each-class: %s was trained without 0"):format(without.name)},
      {all, "--methods elbo,x", "anomaly: --methods: a VAE has mse, correlation, reconstruction, elbo, deviance, "
        .. "inversion, not x"},
      {all, "--by inversion", "anomaly: --by: it is one of mse, correlation, reconstruction, elbo, deviance, "
        .. "not inversion"},
      {all, "--data faces", "anomaly: --data: faces has images of 32 x 32 x 3, the model of 28 x 28 x 1"},
      {all, "--images /nowhere", "/nowhere: cannot be listed: No such file or directory"},
    } do
      local _, errors, status = find(case[1], case[2])
      assert.equal(case[3] .. "\n", errors)
      assert.equal(1, status)
    end
  end)
end)
