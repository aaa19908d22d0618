--- colormap.lua: colours for numbers: two scales whose lightness (OKLab's, Ottosson 2020) runs evenly, so that equal
-- steps look equal and the picture reads the same in grey.
--
--   sequential  from almost white (0) over yellow-green and teal to a dark blue (1): how much
--   diverging   from blue (0) over almost white (0.5) to a dark orange (1): which way and how much

local check = require "genlat.check"
local core = require "genlat.core"
local axis = require "genlat.plot.axis"
local sheet = require "genlat.plot.sheet"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local colormap = {}

local LEVELS = 257 -- odd, so that one is the middle

-- OKLab to linear sRGB (Ottosson 2020).
local function linear_rgb(lightness, a, b)
  local l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ^ 3
  local m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ^ 3
  local s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ^ 3
  return 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s
end

local function encode(v) return v <= 0.0031308 and 12.92 * v or 1.055 * v ^ (1 / 2.4) - 0.055 end

-- The colour of that lightness, chroma and hue (degrees), as {r, g, b}, 0..1.
local function color_of(lightness, chroma, hue)
  local rgb = {linear_rgb(lightness, chroma * math.cos(math.rad(hue)), chroma * math.sin(math.rad(hue)))}
  for i, v in ipairs(rgb) do
    rgb[i] = encode(math.max(0, math.min(1, v)))
  end
  return rgb
end

-- Chosen such that a screen can show every one of them: the chroma stays below what it can at that lightness and hue.
local scales = {}

function scales.sequential(t)
  return color_of(0.985 - 0.705 * t, 0.012 + 0.074 * math.sin(0.88 * math.pi * t), 105 + 160 * t)
end

function scales.diverging(t)
  local d = math.abs(2 * t - 1)
  return color_of(0.985 - 0.485 * d, 0.128 * d ^ 0.9, t < 0.5 and 250 or 45)
end

local tables = {}

-- The scale's colours at LEVELS even steps, as a list of {r, g, b} in 0..1.
local function levels_of(name)
  if not scales[name] then error(("colormap: sequential or diverging, not %s"):format(tostring(name)), 3) end
  if not tables[name] then
    local list = {}
    for i = 1, LEVELS do
      list[i] = scales[name]((i - 1) / (LEVELS - 1))
    end
    tables[name] = list
  end
  return tables[name]
end

--- The colour at t (0 to 1; beyond is as at the end): "#rrggbb".
function colormap.hex(name, t)
  check.arguments("colormap.hex", "name:text t:number", name, t)
  local rgb = levels_of(name)[math.floor(math.max(0, math.min(1, t)) * (LEVELS - 1) + 0.5) + 1]
  return ("#%02x%02x%02x"):format(math.floor(rgb[1] * 255 + 0.5), math.floor(rgb[2] * 255 + 0.5),
    math.floor(rgb[3] * 255 + 0.5))
end

--- values (H x W) as a picture H x W x 3, 0..1: `from` has the scale's first colour, `to` its last.
function colormap.picture(name, values, from, to)
  check.arguments("colormap.picture", "name:text values:tensor from:number? to:number?", name, values, from, to)
  local levels = ((values - from) / (to - from)):clamp(0, 1) * (LEVELS - 1) + 1
  local h, w = table.unpack(values.shape)
  return core.tensor(levels_of(name)):index_select(levels:round():flatten()):reshape(h, w, 3)
end

--- A colour bar: an upright strip of that size with the numbers from..to at its right. first: the part of the scale, 0
-- to 1, that stands for `from` (0). Returns the SVG and the width that it takes.
function colormap.bar(name, left, top, height, from, to, first)
  local width, at = 14, axis.new(from, to, top + height, top, height / 44)
  local strip = core.linspace(1, first or 0, LEVELS):unsqueeze(2)
  local out = {svg.element("image", {x = left, y = top, width = width, height = height, preserveAspectRatio = "none",
    href = sheet.uri(colormap.picture(name, strip, 0, 1))}),
    svg.element("rect", theme.stroke("axis", {x = left, y = top, width = width, height = height}))}
  for i, v in ipairs(at.values) do
    out[#out + 1] = theme.text(left + width + 6, at.at(v) + 4, at.labels[i], {size = 11.5, color = "muted"})
  end
  return table.concat(out), width + axis.gutter(at)
end

return colormap
