--- directions.lua: the pictures (SVG) and tables of scripts/directions.lua, as texts. Nothing here finds directions,
-- prints or writes.
--
-- A direction is {name =, vector = latent}, and what else was found: share (0 to 1) and share_of (of what), accuracy
-- and chance (see attributes.normals), attribute, changes, times and other (see effects). `tool` is what measured them,
-- nil or false where there was nothing to measure. `how` says how they were found, as the script's options do: method,
-- against (names, or nil), arithmetic (the expression), seed.

local core = require "genlat.core"
local matrix = require "genlat.plot.matrix"
local sheet = require "genlat.plot.sheet"
local scope = require "genlat.scope"

local view = {}

local REACH = 3 -- units to each side in the picture
local FAINT = 0.05 -- standard deviations: an effect of less is none
local NOISE = 0.25 -- of a standard deviation, around the result of an arithmetic (Radford et al. 2016, sec. 6.3.2)
local LEAST_CELL = 5 -- characters of a column of the table, such as +0.12
local SHOWN = 8 -- images of a group in its picture

local function heading_of(space, how)
  local words = {space.folder or space.model:name()}
  if how.against then words[#words + 1] = "against " .. table.concat(how.against, ", ") end
  return table.concat(words, ", ")
end

-- Words -------------------------------------------------------------------------------------------------------------

-- The numbers of the attributes that change most, and then second most.
local function leading(changes)
  local first, second
  for i, change in ipairs(changes) do
    local size = math.abs(change)
    if not first or size > math.abs(changes[first]) then
      first, second = i, first
    elseif not second or size > math.abs(changes[second]) then
      second = i
    end
  end
  return first, second
end

-- How many times: 9.6, 10.
local function times_text(times) return (times < 9.95 and "%.1f" or "%.0f"):format(times) end

-- What a direction does to its own attribute, in words. No tool: the regressor knows no attribute well.
local function own_words(direction, tool)
  local own, times = tool and direction.changes[tool.column[direction.attribute] or 0], direction.times
  if not own then return "cannot be measured: the regressor explains less than half of its variance" end
  if math.abs(own) < FAINT then return ("hardly changes it (%+.2f)"):format(own) end
  local words = ("%+.2f"):format(own)
  if not times then return words end
  if times < 1 then return ("%s, %s changes %s times as much"):format(words, direction.other, times_text(1 / times)) end
  return ("%s, %s times as much as any other (%s)"):format(words, times_text(times), direction.other)
end

-- What a direction does, in words: its effect on its own attribute or, where it has none, on what changes most.
local function effect_words(direction, tool)
  if direction.attribute then return own_words(direction, tool) end
  local changes = direction.changes
  local first, second = leading(changes)
  local words = ("%s %+.2f"):format(tool.names[first], changes[first])
  return second and ("%s, %s %+.2f"):format(words, tool.names[second], changes[second]) or words
end

--- A direction in words.
function view.describe(direction, tool)
  local words = {}
  if direction.share then words[1] = ("%.1f %% of %s"):format(100 * direction.share, direction.share_of) end
  if tool or direction.attribute then words[#words + 1] = effect_words(direction, tool) end
  if direction.accuracy then
    words[#words + 1] = ("told apart %.3f (chance %.3f)"):format(direction.accuracy, direction.chance)
  end
  return table.concat(words, "; ")
end

--- Which of a list of measured directions change something else more than their own attribute, and what may help, in
-- words; nil where none does. how: as above.
function view.weak(how, list)
  local names = {}
  for _, direction in ipairs(list) do
    if direction.times and direction.times < 1 then names[#names + 1] = direction.name end
  end
  local advice = how.against and "" or "--against others or "
  return names[1] and ("weak (something else changes as much or more): %s; %sa model with more latent dimensions "
    .. "may help"):format(table.concat(names, ", "), advice)
end

-- Pictures ----------------------------------------------------------------------------------------------------------

--- What images become along each of a list of directions, a row for each direction and start (z: N x latent, labels: N
-- or nil).
function view.walks(how, space, list, tool, z, labels)
  local columns, amounts, rows = {}, {}, {}
  for i = -REACH, REACH do
    columns[#columns + 1], amounts[#amounts + 1] = i == 0 and "0" or ("%+d"):format(i), i
  end
  local steps = core.tensor(amounts):unsqueeze(2)
  for _, direction in ipairs(list) do
    for k = 1, #z do
      local start, label = z[k], labels and labels:slice(1, k, k):expand(#amounts)
      rows[#rows + 1] = {
        name = k == 1 and direction.name or "", note = k == 1 and view.describe(direction, tool) or nil,
        images = space:decode(start + steps * direction.vector, label),
      }
    end
  end
  return sheet.svg {
    title = "Directions: " .. how.method, subtitle = heading_of(space, how), columns = columns, rows = rows,
    mark = REACH + 1, foot = "Columns: standard deviations of latent vectors along the direction." .. (tool
      and (" Numbers: mean change by a move of %g, in %d images, in standard deviations of real images."):format(
        tool.step, tool.count) or ""),
  }
end

--- The own attribute's change over the largest other one, mean over directions, in words; nil where none has one.
function view.selectivity(list, tool)
  local mean, absolute, n = tool:mean_selectivity(list)
  return mean and ("own / other, mean over %d attributes: %.2f (of absolute changes: %.2f)"):format(n, mean, absolute)
end

--- All changes of a list of directions, as a table.
function view.table(list, tool)
  local width = 4
  for _, direction in ipairs(list) do width = math.max(width, #direction.name) end
  local head, cell = {("%-" .. width .. "s"):format("")}, {}
  for i, name in ipairs(tool.names) do
    cell[i] = math.max(LEAST_CELL, #name)
    head[i + 1] = (" "):rep(cell[i] - #name) .. name
  end
  local lines = {table.concat(head, " ") .. "  own / other"}
  for k, direction in ipairs(list) do
    local cells = {("%-" .. width .. "s"):format(direction.name)}
    for i, change in ipairs(direction.changes) do cells[i + 1] = ("%+" .. cell[i] .. ".2f"):format(change) end
    lines[k + 1] = table.concat(cells, " ") .. (direction.times and ("  %.2f"):format(direction.times) or "")
  end
  return table.concat(lines, "\n")
end

--- The same as a picture.
function view.effects(how, space, list, tool)
  local rows, words = {}, view.selectivity(list, tool)
  for i, direction in ipairs(list) do
    rows[i] = {
      name = direction.name, values = direction.changes, note = direction.times and ("%.1f"):format(direction.times),
      mark = tool.column[direction.attribute],
    }
  end
  return matrix.svg {
    title = "What directions change: " .. how.method, subtitle = heading_of(space, how), rows = rows,
    columns = tool.names, column_title = "mean change, in standard deviations of real images",
    note_title = "own / other", foot = ("%d %s, moved by %g to both sides.%s"):format(tool.count,
      space:has_encoder() and "encoded test images" or "samples", tool.step, words and " " .. words .. "." or ""),
  }
end

-- Arithmetic --------------------------------------------------------------------------------------------------------

-- A row of images from latent vectors, all of one class.
local function decoded(space, rows, label)
  local z = core.cat(rows)
  return space:decode(z, space:labels(#z, label))
end

--- The groups of an arithmetic, result = arithmetic.evaluate(examples, how.arithmetic), and what they add up to. label:
-- the class that a conditional model draws.
function view.arithmetic(how, space, examples, result, label)
  local rows = {}
  for i, term in ipairs(result.terms) do
    local some = {term.z:unsqueeze(1)}
    for k = 1, math.min(SHOWN, #term.members) do
      some[k + 1] = examples.z:slice(1, term.members[k], term.members[k])
    end
    rows[i] = {
      name = (term.sign < 0 and "- " or i > 1 and "+ " or "") .. term.text:gsub("%s*,%s*", ", "),
      note = ("%d examples"):format(#term.members), images = decoded(space, some, label),
    }
  end
  local noise = scope.run({seed = how.seed}, core.randn, SHOWN, space.latent)
  local around = noise * examples.centred:std(1) * NOISE + result.z
  rows[#rows + 1] = {
    name = "=", note = "and with noise", images = decoded(space, {result.z:unsqueeze(1), around}, label),
  }
  return sheet.svg {
    title = "Vector arithmetic", subtitle = heading_of(space, how) .. ": " .. how.arithmetic, rows = rows,
    columns = {"mean"}, mark = 1, foot = "First column: what the mean of the group's latent vectors decodes to, and "
      .. "at the bottom their sum. The others: members of the group; around the sum, a quarter of a standard deviation "
      .. "of noise.",
  }
end

return view
