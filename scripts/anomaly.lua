-- anomaly.lua: finds images unlike those that a model was trained on. `lua scripts/anomaly.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local folder = require "genlat.data.folder"
local scan = require "genlat.data.scan"
local anomaly, metrics, train = gl.latent.anomaly, gl.metrics, gl.train
local dots, histogram, sheet = gl.plot.dots, gl.plot.histogram, gl.plot.sheet
local whole = train.options.whole

local TRIAL = 100 -- images whose scoring tells how long all will take
local COLUMNS = 10 -- images in a row of the picture
local OF_GAN = 1000 -- test images that a model without an encoder scores, unless more are asked for
local HERE = arg[0]:match("^(.*)[/\\]") or "."

local function define(command)
  command:add("--methods", {metavar = "LIST", convert = explore.list(),
    help = "scores, such as elbo,mse: mse, correlation, reconstruction, elbo, deviance, inversion (all that are fast)"})
  command:add("--by", {metavar = "METHOD", help = "the score that pictures go by (deviance; of a GAN inversion)"})
  command:add("--test-images", {convert = whole(1), help = "the first so many test images (all; 1000 for a GAN)"})
  command:add("--samples", {default = 10, convert = whole(1), help = "draws of latent vectors for elbo and deviance"})
  command:add("--each-class", {flag = true,
    help = "train the run again without each class in turn, and measure how well it is found"})
  command:add("--images", {metavar = "FOLDER", help = "score the PNG files in a folder instead"})
  command.parser:epilog("Of a run trained --without CLASS: how well each score tells that class' test images from "
    .. "the others. Of any other run: its most unusual test images or, with --each-class, the same for each class. "
    .. "AUROC is the chance that an anomaly scores higher than another image: 0.5 by chance, below it the wrong way "
    .. "round. Average precision is by chance the share of anomalies among the images. "
    .. "Writes anomaly.svg, anomaly_images.svg and anomaly.csv; --each-class its runs to anomaly/CLASS.")
end

-- Scoring -------------------------------------------------------------------------------------------------------------

local function check_methods(space, options)
  local has = {}
  for _, name in ipairs(anomaly.methods(space)) do has[name] = true end
  if not options.methods then
    options.methods = {}
    for _, name in ipairs(anomaly.methods(space)) do
      if name ~= "inversion" or not space:has_encoder() then table.insert(options.methods, name) end
    end
  end
  for _, name in ipairs(options.methods) do
    if not has[name] then
      explore.fail(options, "--methods", "a %s has %s, not %s", space.model:name(),
        table.concat(anomaly.methods(space), ", "), name)
    end
  end
  local listed = {}
  for _, name in ipairs(options.methods) do listed[name] = true end
  options.by = options.by or listed.deviance and "deviance" or options.methods[1]
  if not listed[options.by] then
    explore.fail(options, "--by", "it is one of %s, not %s", table.concat(options.methods, ", "), options.by)
  end
end

local function settings(options, method, progress)
  return {method = method, samples = options.samples, seed = options.seed, progress = progress}
end

-- Seconds that scoring n such images takes, by that of a few.
local function seconds_for(space, images, options)
  local few, sum = images:slice(1, 1, math.min(TRIAL, #images)), 0
  for _, method in ipairs(options.methods) do
    anomaly.score(space, images:slice(1, 1, 1), settings(options, method)) -- the first time is slower
    local began = gl.core.clock()
    anomaly.score(space, few, settings(options, method))
    sum = sum + gl.core.clock() - began
  end
  return sum * #images / #few
end

local function time_text(seconds)
  if seconds < 90 then return ("%.0f s"):format(math.max(1, seconds)) end
  return seconds < 5400 and ("%.0f min"):format(seconds / 60) or ("%.1f h"):format(seconds / 3600)
end

-- The scores of images by all methods: {method = list of N numbers}.
local function score_all(space, images, options)
  local scores, progress = {}, train.progress.new(true)
  for _, method in ipairs(options.methods) do
    progress:start(#images)
    local values = anomaly.score(space, images, settings(options, method, function(done)
      progress:update(method, done, function(rate) return ("%.0f images/s"):format(rate) end, "")
    end))
    scores[method] = values:totable()
  end
  progress:clear()
  return scores
end

local function say_time(what, seconds) print(("%s: about %s"):format(what, time_text(seconds))) end

-- The test images that are scored, and their labels as a list (nil where there are none).
local function test_images(space, options)
  local split, has = space.data.test, table.concat(space.data.shape, " x ")
  local wants = table.concat(space.image, " x ")
  if has ~= wants then
    explore.fail(options, "--data", "%s has images of %s, the model of %s", space.data.name, has, wants)
  end
  local n = math.min(options.test_images or (space:has_encoder() and split.count or OF_GAN), split.count)
  return split.images:slice(1, 1, n), split.labels and split.labels:slice(1, 1, n):totable()
end

-- Pictures and files ----------------------------------------------------------------------------------------------

-- The places of the highest scores of a list (of the lowest with `ascending`), of those with keep[place] only.
local function ranked(scores, keep, ascending)
  local order = {}
  for i = 1, #scores do
    if not keep or keep[i] then order[#order + 1] = i end
  end
  table.sort(order, function(a, b)
    if scores[a] == scores[b] then return a < b end
    if ascending then return scores[a] < scores[b] end
    return scores[a] > scores[b]
  end)
  return order
end

-- Two rows of a sheet: some images and what the model makes of them; at most half of all, so that two groups are apart.
local function pair_of_rows(space, images, scores, order, name)
  local list = {table.unpack(order, 1, math.min(COLUMNS, math.max(1, math.floor(#images / 2))))}
  local x = gl.core.batch(images, gl.tensor(list), 1, #list)
  local found = gl.latent.invert(space, x, {
    method = space:has_encoder() and "encoder" or "optimize", classes = anomaly.classes(space),
  })
  return {
    {name = name, note = ("scores %.4g to %.4g"):format(scores[list[1]], scores[list[#list]]), images = x},
    {note = "what the model makes of them", images = found.images},
  }
end

local function image_sheet(space, groups, options, images, scores)
  local rows = {}
  for _, group in ipairs(groups) do
    if #group.order > 0 then
      for _, row in ipairs(pair_of_rows(space, images, scores, group.order, group.name)) do
        rows[#rows + 1] = row
      end
    end
  end
  return sheet.svg {
    title = "Anomalies by " .. options.by, rows = rows,
    subtitle = ("%s, a %s trained on %s%s"):format(options.run, space.model:name(), space.data.name,
      space.notes.options and space.notes.options.without and " without " .. space.notes.options.without or ""),
  }
end

local UNITS = {mse = "mean squared error", correlation = "1 - correlation with the reconstruction"}

-- Histograms of the scores: groups is a list of {name =, keep = {[place] = true}}.
local function histograms(scores, groups, options, title, notes)
  local o = {title = title, subtitle = options.run, groups = {}}
  for g, group in ipairs(groups) do o.groups[g] = group.name end
  for i, method in ipairs(options.methods) do
    o[i] = {title = method, xlabel = UNITS[method] or "nats", values = {}, note = notes and notes[method]}
    for g, group in ipairs(groups) do
      local list = {}
      for place, value in ipairs(scores[method]) do
        if not group.keep or group.keep[place] then list[#list + 1] = value end
      end
      o[i].values[g] = list
    end
  end
  return histogram.panels(o)
end

-- One line an image: its name, its class where it has one, and its scores.
local function csv(names, classes, scores, options)
  local lines = {("image,%s%s"):format(classes and "class," or "", table.concat(options.methods, ","))}
  for i, name in ipairs(names) do
    local cells = {('"%s"'):format(tostring(name):gsub('"', '""')), classes and ('"%s"'):format(classes[i]) or nil}
    for _, method in ipairs(options.methods) do
      cells[#cells + 1] = ("%.6g"):format(scores[method][i])
    end
    lines[i + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- A run trained without one class -------------------------------------------------------------------------------------

local function label_of(space, class)
  for label, name in ipairs(space.data.classes) do
    if name == class then return label end
  end
end

-- How well each method finds a class: {method = {auroc =, precision =}}, and the share of images that are of it.
local function measure(scores, labels, label, options)
  local positives, count, found = {}, 0, {}
  for i, value in ipairs(labels) do
    positives[i] = value == label and 1 or 0
    count = count + positives[i]
  end
  for _, method in ipairs(options.methods) do
    found[method] = {
      auroc = metrics.auroc(scores[method], positives),
      precision = metrics.average_precision(scores[method], positives),
    }
  end
  return found, count / #labels
end

local function numbered(n)
  local names = {}
  for i = 1, n do
    names[i] = i
  end
  return names
end

local function class_names(space, labels)
  local names = {}
  for i, label in ipairs(labels) do
    names[i] = space.data.classes[math.tointeger(label)]
  end
  return names
end

local function without_one(space, options, class)
  local images, labels = test_images(space, options)
  local label = labels and label_of(space, class)
  if not label then explore.fail(options, "--data", "%s has no class %s", space.data.name, class) end
  say_time(("scoring %d test images"):format(#images), seconds_for(space, images, options))
  local scores = score_all(space, images, options)
  local found, share = measure(scores, labels, label, options)
  print(("%-15s AUROC  average precision (by chance %.3f)"):format("score", share))
  local notes, held, normal = {}, {}, {}
  for _, method in ipairs(options.methods) do
    print(("%-15s %.3f  %.3f"):format(method, found[method].auroc, found[method].precision))
    notes[method] = ("AUROC %.3f, average precision %.3f"):format(found[method].auroc, found[method].precision)
  end
  for i, value in ipairs(labels) do
    (value == label and held or normal)[i] = true
  end
  local by = scores[options.by]
  explore.save_text(options, "anomaly.svg", histograms(scores,
    {{name = "normal", keep = normal}, {name = class .. ", never seen", keep = held}}, options,
    ("Scores of images of %s, left out in training, and of the others"):format(class), notes))
  explore.save_text(options, "anomaly_images.svg", image_sheet(space, {
    {name = class .. " with the highest scores: found", order = ranked(by, held)},
    {name = class .. " with the lowest: missed", order = ranked(by, held, true)},
    {name = "normal ones with the highest: false alarms", order = ranked(by, normal)},
  }, options, images, by))
  explore.save_text(options, "anomaly.csv", csv(numbered(#images), class_names(space, labels), scores, options))
end

-- A run trained on all ------------------------------------------------------------------------------------------------

-- Seconds that the run took to train, by its log; nil where there is none.
local function training_seconds(run)
  local file, seconds = io.open(run .. "/log.csv"), nil
  if not file then return nil end
  for line in file:lines() do
    seconds = tonumber(line:match "^%d+,([%d.]+)") or seconds
  end
  file:close()
  return seconds
end

-- Where the run without a class is: classes may have names that no folder can have.
local function folder_of(options, class) return options.out .. "/anomaly/" .. class:gsub("[^%w_%-]", "_") end

-- Trains what is not finished yet.
local function train_each(space, options, classes)
  local open = {}
  for _, class in ipairs(classes) do
    local state = train.check(train.retrain.state(folder_of(options, class), space.notes, class))
    if state ~= "finished" then open[#open + 1] = class end
  end
  local each = training_seconds(options.run)
  if #open > 0 then
    print(("training %d models of %d as %s was trained%s"):format(#open, #classes, options.run,
      each and ": about " .. time_text(each * #open) or ""))
  end
  for i, class in ipairs(open) do
    local began = gl.core.clock()
    train.check(train.retrain.without(folder_of(options, class), space.notes, class, HERE, options.threads))
    each = gl.core.clock() - began
    print(("without %s: trained in %s%s"):format(class, time_text(each),
      i < #open and ", about " .. time_text(each * (#open - i)) .. " left" or ""))
  end
end

local function print_classes(rows, options)
  local width = #"class"
  for _, row in ipairs(rows) do width = math.max(width, #row.class) end
  local line = {("%-" .. width .. "s"):format "AUROC"}
  for _, method in ipairs(options.methods) do line[#line + 1] = ("%14s"):format(method) end
  print(table.concat(line, " "))
  for _, row in ipairs(rows) do
    line = {("%-" .. width .. "s"):format(row.class)}
    for _, method in ipairs(options.methods) do line[#line + 1] = ("%14.3f"):format(row.found[method].auroc) end
    print(table.concat(line, " "))
  end
end

-- The row of means over classes.
local function mean_of(rows, options)
  local mean = {class = "mean", found = {}}
  for _, method in ipairs(options.methods) do
    local sums = {auroc = 0, precision = 0}
    for _, row in ipairs(rows) do
      for key in pairs(sums) do sums[key] = sums[key] + row.found[method][key] / #rows end
    end
    mean.found[method] = sums
  end
  return mean
end

local function save_classes(space, rows, options)
  local drawn, lines = {}, {"class,score,auroc,average_precision"}
  for i, row in ipairs(rows) do
    drawn[i] = {name = row.class, values = {}, bold = i == #rows}
    for k, method in ipairs(options.methods) do
      local found = row.found[method]
      drawn[i].values[k] = found.auroc
      lines[#lines + 1] = ('"%s",%s,%.6f,%.6f'):format(row.class:gsub('"', '""'), method, found.auroc, found.precision)
    end
  end
  explore.save_text(options, "anomaly.svg", dots.svg {
    title = "How well a class is found that was left out in training", rows = drawn, series = options.methods,
    subtitle = ("%s, a %s on %s; the dashed line is chance"):format(options.run, space.model:name(), space.data.name),
    reference = 0.5, xlabel = "AUROC",
  })
  explore.save_text(options, "anomaly.csv", table.concat(lines, "\n") .. "\n")
end

local function each_class(space, options)
  local images, labels = test_images(space, options)
  if not labels then explore.fail(options, "--each-class", "%s has no labels", space.data.name) end
  local classes, rows = space.data.classes, {}
  train_each(space, options, classes)
  say_time(("scoring %d test images with %d models"):format(#images, #classes),
    seconds_for(space, images, options) * #classes)
  for i, class in ipairs(classes) do
    local other = train.check(gl.load(folder_of(options, class)))
    other.data = space.data
    local found = measure(score_all(other, images, options), labels, label_of(space, class), options)
    rows[i] = {class = class, found = found}
  end
  rows[#rows + 1] = mean_of(rows, options)
  print_classes(rows, options)
  save_classes(space, rows, options)
end

-- Lists the images with the highest scores, and draws them and those with the lowest. beside: scores to compare with.
local function list_unusual(space, options, images, names, scores, beside)
  local order = ranked(scores[options.by])
  print(("%-10s%s  image"):format(options.by, beside and "  test images that score higher" or ""))
  for rank = 1, math.min(COLUMNS, #order) do
    local place = order[rank]
    local value, higher, share = scores[options.by][place], 0, ""
    for _, other in ipairs(beside or {}) do
      if other > value then higher = higher + 1 end
    end
    if beside then share = ("  %29.1f %%"):format(100 * higher / #beside):gsub("^   ", " ") end
    print(("%-10.4g%s  %s"):format(value, share, names[place]))
  end
  explore.save_text(options, "anomaly_images.svg", image_sheet(space, {
    {name = "the highest scores", order = order},
    {name = "the lowest scores", order = ranked(scores[options.by], nil, true)},
  }, options, images, scores[options.by]))
end

local function unusual(space, options)
  local images, labels = test_images(space, options)
  say_time(("scoring %d test images"):format(#images), seconds_for(space, images, options))
  local scores, names = score_all(space, images, options), {}
  local classes = labels and class_names(space, labels)
  for i = 1, #images do
    names[i] = ("test %d%s"):format(i, classes and ", " .. classes[i] or "")
  end
  list_unusual(space, options, images, names, scores)
  explore.save_text(options, "anomaly.svg", histograms(scores, {{name = "test images"}}, options,
    "Scores of the test images"))
  explore.save_text(options, "anomaly.csv", csv(numbered(#images), classes, scores, options))
  if labels then
    local each = training_seconds(options.run)
    print(("%s knows all classes: --each-class trains it again without each%s"):format(options.run,
      each and (", %d models in about %s"):format(#space.data.classes, time_text(each * #space.data.classes)) or ""))
  end
end

-- A folder of images --------------------------------------------------------------------------------------------------

local function files_in(path)
  local parts, paths = train.check(scan.folder(path)), {}
  for _, file in scan.each(parts) do
    paths[#paths + 1] = file
  end
  table.sort(paths)
  return paths
end

local function given_images(space, options)
  local paths, h, w, c = files_in(options.images), table.unpack(space.image)
  local images = train.check(folder.read(paths, {size = {h, w}, channels = c}))
  local tests, labels = test_images(space, options)
  local without = space.notes.options and label_of(space, space.notes.options.without)
  local normal = {}
  for i = 1, #tests do
    if not (without and labels[i] == without) then normal[#normal + 1] = i end
  end
  tests = tests:index_select(gl.tensor(normal))
  say_time(("scoring %d images and %d test images"):format(#images, #tests),
    seconds_for(space, images, options) * (#images + #tests) / #images)
  local scores, beside = score_all(space, images, options), score_all(space, tests, options)
  list_unusual(space, options, images, paths, scores, beside[options.by])
  local all, groups = {}, {{name = "test images", keep = {}}, {name = options.images, keep = {}}}
  for _, method in ipairs(options.methods) do
    all[method] = table.move(scores[method], 1, #images, #tests + 1, beside[method])
  end
  for i = 1, #tests + #images do
    groups[i <= #tests and 1 or 2].keep[i] = true
  end
  explore.save_text(options, "anomaly.svg", histograms(all, groups, options, "Scores of images and of test images"))
  explore.save_text(options, "anomaly.csv", csv(paths, nil, scores, options))
end

explore.main("anomaly", "Finds images that are unlike those that a model was trained on.", define,
  function(space, options)
    local without = space.notes.options and space.notes.options.without
    check_methods(space, options)
    if options.images then return given_images(space, options) end
    if not options.each_class then
      if without then return without_one(space, options, without) end
      return unusual(space, options)
    end
    if without then explore.fail(options, "--each-class", "%s was trained without %s", options.run, without) end
    if not space.notes.options then explore.fail(options, "--each-class", "the run's options are not known") end
    each_class(space, options)
  end)
