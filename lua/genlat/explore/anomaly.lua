--- anomaly.lua: the pictures (SVG) and tables of scripts/anomaly.lua, as texts. Nothing here scores, prints or writes.
--
-- scores are {method = list of N numbers}, for N images. `run` says what is shown, as the script's options do: run =
-- the run's folder, methods = the names of the scores in their order, by = the one that images are shown by.

local core = require "genlat.core"
local anomaly = require "genlat.latent.anomaly"
local dots = require "genlat.plot.dots"
local histogram = require "genlat.plot.histogram"
local invert = require "genlat.latent.invert"
local sheet = require "genlat.plot.sheet"
local text = require "genlat.text"

local view = {}

local COLUMNS = 10 -- images in a row of the picture, and in the list
local UNITS = {mse = "mean squared error", correlation = "1 - correlation with the reconstruction"} -- the others: nats

--- Seconds as "12 s", "3 min" or "1.5 h".
function view.time(seconds)
  if seconds < 90 then return ("%.0f s"):format(math.max(1, seconds)) end
  return seconds < 5400 and ("%.0f min"):format(seconds / 60) or ("%.1f h"):format(seconds / 3600)
end

-- A cell of a CSV file.
local function quoted(value) return ('"%s"'):format(tostring(value):gsub('"', '""')) end

-- Images --------------------------------------------------------------------------------------------------------------

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
local function pair_of_rows(space, images, scores, group)
  local list = {table.unpack(group.order, 1, math.min(COLUMNS, math.max(1, #images // 2)))}
  local x = core.batch(images, core.tensor(list), 1, #list)
  local found = invert.invert(space, x, {
    method = space:has_encoder() and "encoder" or "optimize", classes = anomaly.classes(space),
  })
  return {name = group.name, note = ("scores %.4g to %.4g"):format(scores[list[1]], scores[list[#list]]), images = x},
    {note = "what the model makes of them", images = found.images}
end

-- A sheet of the first of each group of images, {name =, order = their places in `images`}, and their reconstructions.
local function image_sheet(run, space, images, scores, groups)
  local rows, without = {}, anomaly.left_out(space)
  for _, group in ipairs(groups) do
    if #group.order > 0 then
      rows[#rows + 1], rows[#rows + 2] = pair_of_rows(space, images, scores, group)
    end
  end
  return sheet.svg {
    title = "Anomalies by " .. run.by, rows = rows,
    subtitle = ("%s, a %s trained on %s%s"):format(run.run, space.model:name(), space.data.name,
      without and " without " .. without or ""),
  }
end

--- The images with the highest and the lowest scores by run.by, and what the model makes of them.
function view.images(run, space, images, scores)
  local by = scores[run.by]
  return image_sheet(run, space, images, by, {
    {name = "the highest scores", order = ranked(by)},
    {name = "the lowest scores", order = ranked(by, nil, true)},
  })
end

--- The same of a class that was left out in training and of the others. sides: {class = its name, held = {[place] =
-- true} where images are of it, normal = the same of the others}.
function view.class_images(run, space, images, scores, sides)
  local by = scores[run.by]
  return image_sheet(run, space, images, by, {
    {name = sides.class .. " with the highest scores: found", order = ranked(by, sides.held)},
    {name = sides.class .. " with the lowest: missed", order = ranked(by, sides.held, true)},
    {name = "normal ones with the highest: false alarms", order = ranked(by, sides.normal)},
  })
end

-- How to write the first so many places' numbers so that their points are below one another, the greatest with four
-- digits; and the width of that.
local function aligned(values, order)
  local most, width = 0, 0
  for i = 1, math.min(COLUMNS, #order) do
    local v = math.abs(values[order[i]])
    if v < math.huge then most = math.max(most, v) end
  end
  local format = ("%%.%df"):format(math.max(0, math.min(8, most > 0 and 3 - math.floor(math.log(most, 10)) or 1)))
  for i = 1, math.min(COLUMNS, #order) do width = math.max(width, #format:format(values[order[i]])) end
  return format, width
end

--- The images with the highest scores by run.by, a line each with its name. beside: scores of others to compare with:
-- the share of them that is higher (may be left out).
function view.highest(run, scores, names, beside)
  local values, others = scores[run.by], beside and beside[run.by]
  local order = ranked(values)
  local format, width = aligned(values, order)
  width = math.max(width, #run.by)
  local lines = {("%" .. width .. "s%s  image"):format(run.by, others and "  test images that score higher" or "")}
  for rank, place in ipairs(order) do
    if rank > COLUMNS then break end
    local higher, share = 0, ""
    for _, other in ipairs(others or {}) do
      if other > values[place] then higher = higher + 1 end
    end
    if others then share = ("%29.1f %%"):format(100 * higher / #others) end
    lines[rank + 1] = ("%" .. width .. "s%s  %s"):format(format:format(values[place]), share, names[place])
  end
  return table.concat(lines, "\n")
end

-- Scores --------------------------------------------------------------------------------------------------------------

--- Histograms of each method's scores. groups: a list of {name =, scores =, keep = {[place] = true} (all where it is
-- left out)}; notes: {method = what to say of it} (may be left out).
function view.histograms(run, title, groups, notes)
  local o = {title = title, subtitle = run.run, groups = {}}
  for g, group in ipairs(groups) do o.groups[g] = group.name end
  for i, method in ipairs(run.methods) do
    o[i] = {title = method, xlabel = UNITS[method] or "nats", values = {}, note = notes and notes[method]}
    for g, group in ipairs(groups) do
      local list = {}
      for place, value in ipairs(group.scores[method]) do
        if not group.keep or group.keep[place] then list[#list + 1] = value end
      end
      o[i].values[g] = list
    end
  end
  return histogram.panels(o)
end

--- The same of a class that was left out in training and of the others. sides: as for view.class_images; found: what
-- anomaly.detection says.
function view.class_histograms(run, scores, sides, found)
  local notes = {}
  for method, worth in pairs(found) do
    notes[method] = ("AUROC %.3f, average precision %.3f"):format(worth.auroc, worth.precision)
  end
  return view.histograms(run, ("Scores of images of %s, left out in training, and of the others"):format(sides.class), {
    {name = "normal", scores = scores, keep = sides.normal},
    {name = sides.class .. ", never seen", scores = scores, keep = sides.held},
  }, notes)
end

--- CSV with a line for each image: its name, or its number where names (a list) is nil; its class, where classes (a
-- list) is given; its scores.
function view.csv(run, scores, names, classes)
  local lines = {("image,%s%s"):format(classes and "class," or "", table.concat(run.methods, ","))}
  for i = 1, #scores[run.methods[1]] do
    local cells = {quoted(names and names[i] or i), classes and quoted(classes[i])}
    for _, method in ipairs(run.methods) do
      cells[#cells + 1] = ("%.6g"):format(scores[method][i])
    end
    lines[i + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- How well classes are found ------------------------------------------------------------------------------------------

--- What anomaly.detection says, found and share, a line for each method.
function view.detection(run, found, share)
  local lines = {("%-15s AUROC  average precision (by chance %.3f)"):format("score", share)}
  for i, method in ipairs(run.methods) do
    lines[i + 1] = ("%-15s %.3f  %.3f"):format(method, found[method].auroc, found[method].precision)
  end
  return table.concat(lines, "\n")
end

--- The AUROC of each class (a list of {class =, found = as anomaly.detection says}) by each method, as text.
function view.classes(run, rows)
  local width = #"class"
  for _, row in ipairs(rows) do width = math.max(width, #row.class) end
  local function line(name, format, cell)
    local cells = {("%-" .. width .. "s"):format(text.shown(name))}
    for _, method in ipairs(run.methods) do cells[#cells + 1] = format:format(cell(method)) end
    return table.concat(cells, " ")
  end
  local lines = {line("AUROC", "%14s", function(method) return method end)}
  for _, row in ipairs(rows) do
    lines[#lines + 1] = line(row.class, "%14.3f", function(method) return row.found[method].auroc end)
  end
  return table.concat(lines, "\n")
end

--- The same as dots, the last row in bold.
function view.class_dots(run, space, rows)
  local drawn = {}
  for i, row in ipairs(rows) do
    drawn[i] = {name = row.class, values = {}, bold = i == #rows}
    for k, method in ipairs(run.methods) do drawn[i].values[k] = row.found[method].auroc end
  end
  return dots.svg {
    title = "How well a class is found that was left out in training", rows = drawn, series = run.methods,
    subtitle = ("%s, a %s on %s; the dashed line is chance"):format(run.run, space.model:name(), space.data.name),
    reference = 0.5, xlabel = "AUROC",
  }
end

--- The same as CSV, with the average precision.
function view.class_csv(run, rows)
  local lines = {"class,score,auroc,average_precision"}
  for _, row in ipairs(rows) do
    for _, method in ipairs(run.methods) do
      local found = row.found[method]
      lines[#lines + 1] = ("%s,%s,%.6f,%.6f"):format(quoted(row.class), method, found.auroc, found.precision)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return view
