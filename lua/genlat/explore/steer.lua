--- steer.lua: the pictures of scripts/steer.lua. Nothing here learns, measures, prints or writes. walks: what
-- steer.learn returns, with carries (whether they carry anywhere) and the range where they do; results: what
-- steer.evaluate returns.

local core = require "genlat.core"
local edits = require "genlat.latent.edits"
local images = require "genlat.plot.images"
local lines = require "genlat.plot.lines"
local sheet = require "genlat.plot.sheet"
local scope = require "genlat.scope"

local view = {}

local COLUMNS = 4 -- pictures to each side of the unchanged one
local FRAMES = 24 -- of an animation

-- The amounts to draw: over the range where it carries, or that was learned where it carries nowhere.
local function drawn_amounts(walk)
  local list = {}
  for i = -COLUMNS, COLUMNS do
    list[#list + 1] = math.abs(i) / COLUMNS * (i < 0 and walk.range[1] or walk.range[2])
  end
  return list
end

local function walked(space, walk, z, amount, labels) return space:decode(walk:move(z, amount), labels) end

-- A row of the walk, and a row of the edit itself, from one image.
local function add_rows(rows, space, walk, z, labels)
  local made, wanted = {}, {}
  for i, amount in ipairs(drawn_amounts(walk)) do
    made[i] = walked(space, walk, z, amount, labels)
    wanted[i] = edits.apply(walk.edit, space:decode(z, labels), amount)
  end
  local edit = edits.get(walk.edit)
  rows[#rows + 1] = {
    name = walk.edit, images = core.cat(made),
    note = ("%s%.3g to %.3g %s"):format(walk.carries and "" or "carries nowhere; ", walk.range[1], walk.range[2],
      edit.unit),
  }
  rows[#rows + 1] = {name = "", note = "the edit itself", images = core.cat(wanted)}
end

-- Headings over the columns' ends and middle: amounts where all rows are of one walk, else words, as each has its unit.
local function headings(walks)
  local list, only = {}, #walks == 1 and walks[1]
  for i = 1, 2 * COLUMNS + 1 do list[i] = "" end
  list[1] = only and ("%.3g"):format(only.range[1]) or "least"
  list[COLUMNS + 1] = "0"
  list[2 * COLUMNS + 1] = only and ("%.3g"):format(only.range[2]) or "greatest"
  return list
end

--- A sheet with two rows for each walk, of one image: what the model draws, and the edit itself.
function view.walks(space, walks, seed)
  local z, rows = scope.run({seed = seed}, space.prior, space, 1, {truncation = 0.7}), {}
  local labels = space:labels(1)
  for _, walk in ipairs(walks) do add_rows(rows, space, walk, z, labels) end
  return sheet.svg {
    title = "Steered walks", rows = rows, mark = COLUMNS + 1, columns = headings(walks),
    subtitle = ("%s, %s: what the model draws above, what it was asked for below"):format(
      space.folder or space.model:name(), walks[1].kind == "linear" and "linear walks" or "walks in steps"),
  }
end

--- Asked against measured, and the quality, side by side for each edit.
function view.effects(results)
  local panels = {title = "What the walks do, and what it costs", columns = 2}
  for _, result in ipairs(results) do
    local unit, says = edits.get(result.edit).unit, edits.get(result.edit).says
    local effect = {{name = "asked", x = result.amounts, y = result.amounts, dash = true}}
    for _, measure in ipairs(result.measures) do
      effect[#effect + 1] = {name = measure.name, x = result.amounts, y = measure.mean}
    end
    panels[#panels + 1] = {
      title = result.edit, xlabel = ("asked, %s %s"):format(unit, says), ylabel = "measured, " .. unit, series = effect,
    }
    if result.frechet then
      panels[#panels + 1] = {
        title = result.edit .. ": quality", xlabel = "asked, " .. unit, ylabel = "Fréchet distance",
        series = {
          {name = "walked", x = result.amounts, y = result.frechet},
          {name = "real, edited", x = result.amounts, y = result.frechet_edited, dash = true},
        },
      }
    end
  end
  if not results[1].frechet then panels.columns = 1 end
  return lines.panels(panels)
end

--- Sixteen images swung to one end of the range, to the other, and back: N x H x W x C.
function view.swing(space, walk, seed)
  local z, labels = scope.run({seed = seed}, space.prior, space, 16, {truncation = 0.7}), space:labels(16)
  local frames = {}
  for i = 1, FRAMES do
    local part = math.sin(2 * math.pi * (i - 1) / FRAMES)
    local amount = math.abs(part) * (part < 0 and walk.range[1] or walk.range[2])
    frames[i] = images.grid(walked(space, walk, z, amount, labels), {columns = 4})
  end
  return core.stack(frames)
end

return view
