-- sixel.lua: images as sixels, the graphics of DEC's VT340 (VT330/VT340 Programmer Reference Manual, ch. 14): a string
-- of bands, each six pixels high, drawn one colour after the other.

local core = require "genlat.core"
local images = require "genlat.plot.images"

local COLUMN = 8 -- pixels that a column of characters is wide, where the terminal does not say

-- x: n x H x W x 3 as bytes, about `wide` pixels wide.
local function resized(x, wide)
  local h, w = x:size(2), x:size(3)
  if w > wide then
    x = x:adaptive_avg_pool2d {math.max(1, math.floor(h * wide / w + 0.5)), wide}
  elseif wide // w > 1 then
    local enlarged = {}
    for i = 1, #x do
      enlarged[i] = images.enlarge(x[i], wide // w)
    end
    x = core.stack(enlarged)
  end
  return (x * 255):byte()
end

-- One colour's sixels in a band, bits by column: `!n` before a character stands for n of it, "?" is an empty one.
local function runs(columns, bits)
  local out, at, i = {}, 1, 1
  local function add(count, value)
    local character = string.char(63 + value)
    out[#out + 1] = count > 3 and ("!%d%s"):format(count, character) or character:rep(count)
  end
  while i <= #columns do
    local first, value, count = columns[i], bits[columns[i]], 1
    while columns[i + count] == first + count and bits[first + count] == value do count = count + 1 end
    if first > at then add(first - at, 0) end
    add(count, value)
    at, i = first + count, i + count
  end
  return table.concat(out)
end

-- The six rows of pixels from `top` on: the colours that are in it, each over the one before ("$" goes back).
-- places: lists of rows of colours' numbers, one for each image; step: pixels from an image to the next.
local function band(places, top, step)
  local columns, bits, order = {}, {}, {}
  for i, rows in ipairs(places) do
    for c = 1, #rows[1] do
      local column = (i - 1) * step + c
      for r = top, math.min(top + 5, #rows) do
        local color = rows[r][c]
        if not bits[color] then
          columns[color], bits[color] = {}, {}
          order[#order + 1] = color
        end
        if not bits[color][column] then table.insert(columns[color], column) end
        bits[color][column] = (bits[color][column] or 0) | 1 << (r - top)
      end
    end
  end
  local out = {}
  for i, color in ipairs(order) do
    out[i] = ("#%d%s"):format(color, runs(columns[color], bits[color]))
  end
  return table.concat(out, "$")
end

--- x: n x H x W x 3, 0..1, side by side, each at most `cell` columns wide.
return function(x, cell)
  local _, column = core.terminal_width()
  column = column or COLUMN
  local pixels = resized(x, cell * column)
  local n, h, w = table.unpack(pixels.shape)
  local places, colors = core.choose_palette(pixels:reshape(n * h * w, 3))
  places = places:reshape(n, h, w):totable()
  local step = (cell + 1) * column
  -- P2 = 1: what is not drawn, between the images, stays as it was. Then the size: 1:1 pixels, width, height.
  local out = {("\27P0;1;0q\"1;1;%d;%d"):format((n - 1) * step + w, h)}
  for i, color in ipairs(colors:totable()) do -- in hundredths
    out[#out + 1] = ("#%d;2;%d;%d;%d"):format(i - 1, (color[1] * 100 + 127) // 255, (color[2] * 100 + 127) // 255,
      (color[3] * 100 + 127) // 255)
  end
  local bands = {}
  for top = 1, h, 6 do
    bands[#bands + 1] = band(places, top, step)
  end
  return table.concat(out) .. table.concat(bands, "-") .. "\27\\"
end
