-- blocks.lua: images as half blocks in 24-bit colours: each character is two pixels, one above the other.

local shrink = require "genlat.terminal.shrink"

local UPPER = "▀" -- U+2580: the foreground is its upper half, the background its lower

-- One line of characters, of two rows of pixels (lists of {r, g, b}; the lower may be nil). A colour is named where it
-- changes (ISO 8613-6: 38 and 48 with 2;r;g;b).
local function line(upper, lower)
  local out, front, back = {}, nil, nil
  for i, pixel in ipairs(upper) do
    local foreground = ("38;2;%d;%d;%d"):format(pixel[1], pixel[2], pixel[3])
    local below = lower and lower[i]
    local background = below and ("48;2;%d;%d;%d"):format(below[1], below[2], below[3])
    local codes = {}
    if foreground ~= front then codes[1] = foreground end
    if background ~= back then codes[#codes + 1] = background end
    if #codes > 0 then out[#out + 1] = "\27[" .. table.concat(codes, ";") .. "m" end
    out[#out + 1] = UPPER
    front, back = foreground, background
  end
  return table.concat(out) .. "\27[0m"
end

--- x: n x H x W x 3, 0..1, side by side, each at most `cell` columns wide.
return function(x, cell)
  local images = shrink(x, cell):totable()
  local lines = {}
  for r = 1, #images[1], 2 do
    local parts = {}
    for i, image in ipairs(images) do
      parts[i] = line(image[r], image[r + 1])
    end
    lines[#lines + 1] = table.concat(parts, " ")
  end
  return table.concat(lines, "\n")
end
