-- How genlat's pictures look: colours, type, the card they are drawn on, and their headings.
local svg = require "genlat.plot.svg"

local theme = {}

-- Every picture brings its own near-white card, so it reads the same on a light and on a dark page. The elements also
-- carry these names as classes (gl-ink, ...), with which a page may give them other colours.
local colors = { paper = "#ffffff", edge = "#dfe3e8", grid = "#e9ecf0", axis = "#c3cad3", muted = "#667080",
  ink = "#1b2129" }

local family = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif"

-- Ten class colours, found for genlat by simulated annealing: the smallest OKLab distance (Ottosson 2020) between two
-- of them is 0.183 for normal vision and 0.104 for each of protanopia, deuteranopia and tritanopia, as simulated by
-- Machado et al. 2009 at full severity; lightness is kept between 0.52 and 0.80 so that all show on white and on
-- black. By the same measure the ten of Petroff 2021 reach 0.090 and 0.061, Tableau's ten 0.113 and 0.007.
local palette = { "#177ea5", "#ec7216", "#7346cf", "#2ab278", "#c63673", "#17cffe", "#886101", "#ff96c2", "#c7c50b",
  "#a488fd" }

-- What words of colours are drawn in: light ones so dark that they show on white.
local words = { black = "#1b2129", brown = "#7b4a22", red = "#cf3d1c", blond = "#e3b53c", white = "#b8bec8",
  green = "#2a9d4e", blue = "#2468c8", yellow = "#d9bf0b", orange = "#ec7216", violet = "#7346cf", grey = "#7d8590",
  pink = "#ff96c2" }

-- `color` mixed with `part` (0 to 1) of a grey of that `level` (0 to 255).
local function mix(color, level, part)
  local function channel(hex)
    return ("%02x"):format(math.floor(tonumber(hex, 16) * (1 - part) + level * part + 0.5))
  end
  return (color:gsub("%x%x", channel))
end

-- The colour of class k, from 1. Classes 11 to 20 take the ten colours darkened, 21 to 30 lightened; from 31 on the
-- last two tens are repeated.
function theme.color(k)
  local base, round = palette[(k - 1) % #palette + 1], (k - 1) // #palette
  if round == 0 then return base end
  return round % 2 == 1 and mix(base, 0, 0.4) or mix(base, 255, 0.5)
end

-- The colours of classes of these names, a list: what they say where every name is the word of a colour (classes of
-- hair), else theme.color's.
function theme.colors(names)
  local said, numbered = {}, {}
  for k, name in ipairs(names) do
    said[#said + 1], numbered[k] = words[tostring(name):lower()], theme.color(k)
  end
  return #said == #names and said or numbered
end

-- Attributes that fill or stroke in one of the theme's colours.
function theme.fill(name, attributes)
  attributes = attributes or {}
  attributes.class, attributes.fill = "gl-" .. name, colors[name]
  return attributes
end

function theme.stroke(name, attributes)
  attributes = attributes or {}
  attributes.class, attributes.stroke, attributes.fill = "gl-" .. name .. "-line", colors[name], "none"
  return attributes
end

-- Text `s` at (x, y), the baseline. style: size (default 12 pixels), bold, color (a theme colour's name, default
-- "ink"), anchor ("middle", "end"), halo (a rim in the colour of the paper), and any SVG attribute.
function theme.text(x, y, s, style)
  style = style or {}
  local attributes = { x = svg.number(x), y = svg.number(y), font_size = style.size or 12,
    font_weight = style.bold and 600, text_anchor = style.anchor, transform = style.transform }
  theme.fill(style.color or "ink", attributes)
  if style.halo then
    attributes.class = attributes.class .. " gl-halo"
    attributes.stroke, attributes.stroke_width, attributes.stroke_linejoin = colors.paper, style.halo, "round"
    attributes.paint_order = "stroke"
  end
  return svg.element("text", attributes, svg.escape(s))
end

-- Lines of text, one below the other.
function theme.lines(x, y, list, spacing, style)
  local out = {}
  for i, line in ipairs(list) do out[i] = theme.text(x, y + (i - 1) * spacing, line, style) end
  return table.concat(out)
end

-- Title and subtitle (either may be nil) from (left, top) on, broken at `width`; returns the SVG and its height.
function theme.heading(left, top, width, title, subtitle)
  local out, y = {}, top
  if title then
    local lines = svg.wrap(title, 18, width)
    out[1] = theme.lines(left, y + 18, lines, 23, { size = 18, bold = true })
    y = y + 23 * #lines
  end
  if subtitle then
    local lines = svg.wrap(subtitle, 13, width)
    out[#out + 1] = theme.lines(left, y + 16, lines, 18, { size = 13, color = "muted" })
    y = y + 4 + 18 * #lines
  end
  return table.concat(out), y - top
end

-- The whole picture: `content` on a card of that size; `label` says in words what it shows.
function theme.document(width, height, label, content)
  local card = svg.element("rect", theme.fill("paper", { x = 0.5, y = 0.5, width = width - 1, height = height - 1,
    rx = 10, stroke = colors.edge }))
  return svg.element("svg", { xmlns = "http://www.w3.org/2000/svg", class = "genlat-plot", width = width,
    height = height, viewBox = ("0 0 %s %s"):format(svg.number(width), svg.number(height)), role = "img",
    aria_label = label, font_family = family }, card, content) .. "\n"
end

return theme
