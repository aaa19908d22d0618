-- Curves over epochs or steps: losses as lines with their names and last values at their ends.
local known_fields, fail = require("genlat.check").names, require("genlat.check").fail
local axis = require "genlat.plot.axis"
local labels = require "genlat.plot.labels"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local lines = {}

local pad = 24          -- between the card's edge and what is on it
local label_width = 118 -- the widest a line's name gets before it is broken
local note_size = 12

-- Raises an error unless the panel's series are what can be drawn.
local function check(panel, who)
  local function refuse(...) fail("%s: %s", who, string.format(...)) end
  if type(panel.series) ~= "table" then refuse("series must be a table of {name =, x =, y =}") end
  for i, s in ipairs(panel.series) do
    if type(s.name) ~= "string" then refuse("series %d has no name", i) end
    if type(s.x) ~= "table" or type(s.y) ~= "table" then refuse("%s: x and y must be tables of numbers", s.name) end
    if #s.x ~= #s.y then refuse("%s: x has %d numbers, y %d", s.name, #s.x, #s.y) end
    for j = 1, #s.x do
      if type(s.x[j]) ~= "number" or type(s.y[j]) ~= "number" then
        refuse("%s: point %d is not two numbers", s.name, j)
      elseif panel.xlog and s.x[j] <= 0 then
        refuse("%s: point %d has x = %s, and the logarithmic scale begins above 0", s.name, j, s.x[j])
      end
    end
  end
end

-- The series cut at values that cannot be drawn: a list of runs, each a list of {x, y}.
local function runs_of(s)
  local runs, run = {}, nil
  for i = 1, #s.x do
    if axis.finite(s.x[i]) and axis.finite(s.y[i]) then
      if not run then
        run = {}
        runs[#runs + 1] = run
      end
      run[#run + 1] = { s.x[i], s.y[i] }
    else
      run = nil
    end
  end
  return runs
end

-- Range of x over all series, whether all of x is whole numbers (epochs), and x where there is only one.
local function x_range(drawn)
  local lo, hi, whole = math.huge, -math.huge, true
  for _, s in ipairs(drawn) do
    for _, p in ipairs(s.points) do
      lo, hi, whole = math.min(lo, p[1]), math.max(hi, p[1]), whole and p[1] % 1 == 0
    end
  end
  if lo > hi then return 0, 1, true end
  if lo == hi then return lo - 1, hi + 1, whole, lo end
  return lo, hi, whole
end

-- How many of a series' n points count as its beginning: 1 to 3, a twentieth of many, none where there are few.
local function beginning(n)
  return n < 4 and 0 or math.max(1, math.min(3, n // 5), n // 20)
end

-- Range of y over all points, or over those after the beginning of each series.
local function y_extent(drawn, late)
  local lo, hi = math.huge, -math.huge
  for _, s in ipairs(drawn) do
    for i = late and beginning(#s.points) + 1 or 1, #s.points do
      lo, hi = math.min(lo, s.points[i][2]), math.max(hi, s.points[i][2])
    end
  end
  return lo, hi
end

-- Range of y to show. The first values of a loss can be so large that the later ones could not be told apart: where the
-- beginning would take more than four fifths of the height, the axis is cut.
local function y_range(drawn)
  local lo, hi = y_extent(drawn, false)
  if lo > hi then return 0, 1 end
  local late_lo, late_hi = y_extent(drawn, true)
  local late = late_hi - late_lo
  if late > 0 then
    if hi - late_hi > 4 * late then hi = late_hi + 0.4 * late end
    if late_lo - lo > 4 * late then lo = late_lo - 0.4 * late end
  end
  if lo == hi then
    local margin = lo == 0 and 1 or 0.1 * math.abs(lo)
    return lo - margin, hi + margin
  end
  local margin = 0.06 * (hi - lo)
  if lo >= 0 and lo < 0.2 * hi then return 0, hi + margin end -- zero is near: show it
  return lo - margin, hi + margin
end

-- The note on values beyond a cut axis, if there are any.
local function cut_note(drawn, lo, hi)
  local list = {}
  for _, d in ipairs(drawn) do
    local beyond
    for _, p in ipairs(d.points) do
      if (p[2] > hi or p[2] < lo) and math.abs(p[2]) > math.abs(beyond or 0) then beyond = p[2] end
    end
    if beyond then list[#list + 1] = ("%s (%s)"):format(axis.number(beyond), d.name) end
  end
  return #list > 0 and "Axis cut: early values reach " .. table.concat(list, ", ") .. "." or nil
end

-- What the panel cannot show, in words: values beyond a cut axis, and values that are not finite.
local function notes_of(panel, drawn, lo, hi)
  local out = { cut_note(drawn, lo, hi) }
  for _, s in ipairs(panel.series) do
    local gaps = {}
    for j = 1, #s.x do
      if not (axis.finite(s.x[j]) and axis.finite(s.y[j])) then gaps[#gaps + 1] = s.x[j] end
    end
    if #gaps > 0 then
      out[#out + 1] = ("%s: %d of %d values not finite%s."):format(s.name, #gaps, #s.x,
        axis.finite(gaps[1]) and (", first at %s %s"):format(panel.xlabel or "x", svg.number(gaps[1], 3)) or "")
    end
  end
  return out
end

-- The panel's series made ready: runs, all points, last point, colour, label at the end.
local function prepare(panel)
  local drawn = {}
  for i, s in ipairs(panel.series) do
    local d = { runs = runs_of(s), points = {}, color = theme.color(i), dash = s.dash, name = s.name }
    for _, run in ipairs(d.runs) do table.move(run, 1, #run, #d.points + 1, d.points) end
    d.last = d.points[#d.points]
    local after = s.y[#s.y] -- a run that ended in NaN says so
    local ended = d.last and not axis.finite(after) and ", then " .. axis.number(after) or ""
    d.text = svg.wrap(s.name .. ended, 12, label_width)
    d.value = d.last and axis.number(d.last[2])
    drawn[i] = d
  end
  return drawn
end

-- The room that the labels at the right take.
local function labels_width(drawn)
  local widest = 0
  for _, d in ipairs(drawn) do
    if d.last then
      widest = math.max(widest, svg.text_width(d.value, 14))
      for _, line in ipairs(d.text) do widest = math.max(widest, svg.text_width(line, 12)) end
    end
  end
  return widest > 0 and widest + 20 or 0
end

-- The pixel of v, held where renderers count well even if it is far outside of the picture.
local function pixel(a, v)
  return svg.number(math.max(-1e5, math.min(1e5, a.at(v))))
end

-- One curve: a line for each run, dots where points are few or stand alone.
local function curve(d, x, y)
  local out, path = {}, {}
  local function dot(p, radius)
    out[#out + 1] = svg.element("circle", { cx = pixel(x, p[1]), cy = pixel(y, p[2]), r = radius, fill = d.color })
  end
  for _, run in ipairs(d.runs) do
    for i, p in ipairs(run) do
      if #run > 1 then path[#path + 1] = ("%s%s %s"):format(i == 1 and "M" or "L", pixel(x, p[1]), pixel(y, p[2])) end
      if #run == 1 or #d.points <= 12 then dot(p, 2.75) end
    end
  end
  if d.last then dot(d.last, 4) end
  if #path == 0 then return table.concat(out) end
  local thickness = #d.points > 150 and 1.25 or 2
  return svg.element("path", { d = table.concat(path), fill = "none", stroke = d.color, stroke_width = thickness,
    stroke_linejoin = "round", stroke_linecap = not d.dash and "round", stroke_dasharray = d.dash and "6 4" })
    .. table.concat(out)
end

-- The labels right of the line ends: the last value, below it the name, moved apart where they would overlap and then
-- tied to their ends by a thin line.
local function end_labels(drawn, x, y)
  local shown, wanted, heights, out = {}, {}, {}, {}
  for _, d in ipairs(drawn) do
    if d.last then
      shown[#shown + 1] = d
      wanted[#shown] = math.max(y.to, math.min(y.from, y.at(d.last[2])))
      heights[#shown] = 21 + 14 * #d.text
    end
  end
  local placed = labels.spread(wanted, heights, y.to - 12, y.from + 12)
  for i, d in ipairs(shown) do
    local left, middle = x.to + 14, placed[i]
    local top = middle - heights[i] / 2
    local from_x, from_y = math.min(x.at(d.last[1]) + 6, x.to + 6), wanted[i]
    if math.abs(middle - from_y) > 3 or x.at(d.last[1]) < x.to - 12 then
      local way = ("M%s %sL%s %s"):format(svg.number(from_x), svg.number(from_y), svg.number(left - 3),
        svg.number(middle))
      out[#out + 1] = svg.element("path", { d = way, fill = "none", stroke = d.color, stroke_opacity = 0.5 })
    end
    out[#out + 1] = svg.element("text", { class = "gl-value", fill = d.color, x = svg.number(left),
      y = svg.number(top + 14), font_size = 14, font_weight = 600 }, svg.escape(d.value))
      .. theme.lines(left, top + 28, d.text, 14, { size = 12, color = "muted" })
  end
  return table.concat(out)
end

-- The x axis from pixel `from` to `to`. Epochs have ticks at whole numbers, the first one among them.
local function x_axis(panel, drawn, from, to)
  local lo, hi, whole, single = x_range(drawn)
  if panel.xlog and lo > 0 and lo < hi then return axis.log(lo, hi, from, to, (to - from) / 50) end
  local x = axis.new(lo, hi, from, to, (to - from) / 50, whole)
  if single then
    x.values, x.labels = { single }, { svg.number(single, 3) }
  elseif whole and x.values[1] and x.at(x.values[1]) - from > 24 then
    table.insert(x.values, 1, lo)
    table.insert(x.labels, 1, svg.number(lo))
  end
  return x
end

-- One panel in that rectangle, with its numbers and labels.
local function draw(panel, drawn, range, left, top, width, height)
  local gutter = 46 + (panel.ylabel and 18 or 0)
  local right = left + width - labels_width(drawn)
  local y = axis.new(range[1], range[2], top + height, top, height / 44)
  local x = x_axis(panel, drawn, left + gutter, right)
  local out = { axis.rules(x, y) }
  local curves = {}
  for i, d in ipairs(drawn) do curves[i] = curve(d, x, y) end
  -- cut above and below, but leave room at the sides for the dots on the first and the last epoch
  out[2] = svg.clip(x.from - 6, y.to - 1, x.to - x.from + 12, y.from - y.to + 6, table.concat(curves, "\n"))
  out[3] = axis.labels(x, y, panel.xlabel, panel.ylabel)
  out[4] = end_labels(drawn, x, y)
  return table.concat(out, "\n")
end

-- Everything about a panel that does not depend on where it stands.
local function measured(panel, width)
  local drawn = prepare(panel)
  local lo, hi = y_range(drawn)
  local notes = {}
  for _, note in ipairs(notes_of(panel, drawn, lo, hi)) do
    for _, line in ipairs(svg.wrap(note, note_size, width)) do notes[#notes + 1] = line end
  end
  return { panel = panel, drawn = drawn, range = { lo, hi }, notes = notes }
end

-- The row of panels from (left, top) on, each `width` wide with a plot of that height; returns the SVG and its height.
local function draw_row(list, left, top, width, height, gap)
  local out, title, foot = {}, 0, 0
  for _, m in ipairs(list) do
    if m.panel.title then title = 28 end
    foot = math.max(foot, (m.panel.xlabel and 44 or 24) + (#m.notes > 0 and 12 + 17 * #m.notes or 0))
  end
  for i, m in ipairs(list) do
    local x = left + (i - 1) * (width + gap)
    if m.panel.title then out[#out + 1] = theme.text(x, top + 13, m.panel.title, { size = 14, bold = true }) end
    out[#out + 1] = draw(m.panel, m.drawn, m.range, x, top + title, width, height)
    out[#out + 1] = theme.lines(x, top + title + height + (m.panel.xlabel and 44 or 24) + 17, m.notes, 17,
      { size = note_size, color = "muted" })
  end
  return table.concat(out, "\n"), title + height + foot
end

-- The page: heading and rows of panels.
local function page(o, list, columns, width, plot_height)
  local gap = 32
  local heading, heading_height = theme.heading(pad, pad, width - 2 * pad, o.title, o.subtitle)
  local y = pad + heading_height + (heading_height > 0 and 20 or 4)
  local cell = (width - 2 * pad - (columns - 1) * gap) / columns
  local out = { heading }
  for first = 1, #list, columns do
    local row = {}
    for i = first, math.min(first + columns - 1, #list) do row[#row + 1] = measured(list[i], cell) end
    local drawn, height = draw_row(row, pad, y, cell, plot_height, gap)
    out[#out + 1] = drawn
    y = y + height + 30
  end
  return theme.document(width, y - 30 + pad, o.title or "Line plot", table.concat(out, "\n"))
end

-- The curves as an SVG picture (a string).
--   series   a list of {name =, x =, y = (tables of numbers), dash = (true: a dashed line)}; a value that is not finite
--            leaves a gap
--   title, subtitle, xlabel, ylabel; width (760 pixels), height (of the plot itself: 300)
--   xlog     true: x on a logarithmic scale
function lines.svg(o)
  known_fields("lines.svg", o, {"height", "series", "width", "xlabel", "xlog", "ylabel", "title", "subtitle"})
  check(o, "lines.svg")
  local panel = { series = o.series, xlabel = o.xlabel, ylabel = o.ylabel, xlog = o.xlog }
  return page(o, { panel }, 1, o.width or 760, o.height or 300)
end

-- Several such panels in one SVG picture, row by row: {panel, panel, ..., columns = (2), title =, subtitle =,
-- width = (980), height = (of each plot: 260)}; a panel has series, title, xlabel, ylabel, xlog.
function lines.panels(o)
  known_fields("lines.panels", o, {"columns", "height", "width", "title", "subtitle"})
  for i, panel in ipairs(o) do check(panel, ("lines.panels: panel %d"):format(i)) end
  return page(o, o, o.columns or 2, o.width or 980, o.height or 260)
end

return lines
