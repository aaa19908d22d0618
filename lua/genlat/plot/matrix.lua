--- matrix.lua: a table of numbers with names, each cell in the colour of its number, as one SVG.
--
--   local text = matrix.svg {
--     title = "Effects", columns = {"smile", "skin"}, column_title = "change of",
--     rows = {{name = "smile", values = {0.7, -0.1}, mark = 1, note = "7.0"}, ...}, note_title = "own / other",
--   }

local known_fields, refuse = require("genlat.check").names, require("genlat.check").fail
local axis = require "genlat.plot.axis"
local colormap = require "genlat.plot.colormap"
local svg = require "genlat.plot.svg"
local text = require "genlat.text"
local theme = require "genlat.plot.theme"

local matrix = {}

local pad = 24
local cell_height, least_width = 30, 52
local name_size, value_size, head_size = 13, 12.5, 12
local DARK = 0.72 -- of the scale's reach: from here on the cell's number is written in white

local function check(o)
  if type(o.rows) ~= "table" or #o.rows == 0 then refuse("matrix.svg: rows is a list of rows of numbers") end
  if type(o.columns) ~= "table" or #o.columns == 0 then refuse("matrix.svg: columns is a list of names") end
  for i, row in ipairs(o.rows) do
    if type(row.values) ~= "table" or #row.values ~= #o.columns then
      refuse("matrix.svg: row %d: there are %d columns, and values for %d", i, #o.columns,
        type(row.values) == "table" and #row.values or 0)
    end
    for _, value in ipairs(row.values) do
      if type(value) ~= "number" or not axis.finite(value) then
        refuse("matrix.svg: row %d has a value that is not a finite number", i)
      end
    end
  end
end

-- The largest distance from 0, and the width of the names at the left, of a column, and of the notes at the right.
local function measure(o)
  local reach, names, column, notes = 1e-9, 0, least_width, svg.text_width(o.note_title or "", head_size)
  for _, row in ipairs(o.rows) do
    names = math.max(names, svg.text_width(row.name or "", name_size))
    notes = math.max(notes, svg.text_width(row.note or "", value_size))
    for _, value in ipairs(row.values) do reach = math.max(reach, math.abs(value)) end
  end
  for _, name in ipairs(o.columns) do column = math.max(column, svg.text_width(name, head_size) + 10) end
  return reach, names + 14, column, notes > 0 and notes + 14 or 0
end

local function cell(x, y, width, value, reach, format)
  local color = colormap.hex("diverging", (value / reach + 1) / 2)
  return svg.element("rect", {x = x, y = y, width = width - 1, height = cell_height - 1, fill = color})
    .. theme.text(x + width / 2, y + cell_height / 2 + 4, text.format(format, value), {
      size = value_size, anchor = "middle", color = math.abs(value) > DARK * reach and "paper" or "ink",
    })
end

--- The table as SVG text.
--   columns  names                          rows   list of {name =, values = {as many as columns}, mark = the number of
--                                                  a column to frame, note = a text at the right}
--   title, subtitle, column_title (above the columns' names), note_title (above the notes), foot (lines below)
--   format   of the numbers ("%.2f")
-- Colours run from blue through white (0) to orange, to the same distance on both sides.
function matrix.svg(o)
  known_fields("matrix.svg", o, {
    "column_title", "columns", "foot", "format", "note_title", "rows", "title", "subtitle",
  })
  check(o)
  local reach, gutter, column, notes = measure(o)
  local format = o.format or "%.2f"
  local width = math.max(2 * pad + gutter + #o.columns * column + notes, 420)
  local heading, heading_height = theme.heading(pad, pad, width - 2 * pad, o.title, o.subtitle)
  local out, left = {heading}, pad + gutter
  local y = pad + heading_height + 12
  if o.column_title then
    out[#out + 1] = theme.text(left, y + head_size, o.column_title, {size = head_size, color = "muted"})
    y = y + 20
  end
  for k, name in ipairs(o.columns) do
    out[#out + 1] = theme.text(left + (k - 0.5) * column, y + head_size, name, {size = head_size, anchor = "middle"})
  end
  local right = left + #o.columns * column + 12
  if o.note_title then
    out[#out + 1] = theme.text(right, y + head_size, o.note_title, {size = head_size, color = "muted"})
  end
  y = y + head_size + 10
  for _, row in ipairs(o.rows) do
    out[#out + 1] = theme.text(pad, y + cell_height / 2 + 4, row.name or "", {size = name_size})
    for k, value in ipairs(row.values) do
      out[#out + 1] = cell(left + (k - 1) * column, y, column, value, reach, format)
    end
    if row.mark then
      out[#out + 1] = svg.element("rect", theme.stroke("ink", {x = left + (row.mark - 1) * column, y = y,
        width = column - 1, height = cell_height - 1, stroke_width = 1.5}))
    end
    out[#out + 1] = theme.text(right, y + cell_height / 2 + 4, row.note or "", {size = value_size})
    y = y + cell_height
  end
  local lines = o.foot and svg.wrap(o.foot, 12, width - 2 * pad) or {}
  out[#out + 1] = theme.lines(pad, y + 22, lines, 16, {size = 12, color = "muted"})
  if #lines > 0 then y = y + 10 + 16 * #lines end
  return theme.document(width, y + pad, o.title or "Table", table.concat(out, "\n"))
end

return matrix
