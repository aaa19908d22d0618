-- kitty.lua: images by kitty's graphics protocol (https://sw.kovidgoyal.net/kitty/graphics-protocol/): a PNG in base64,
-- in pieces, that the terminal scales to the columns it is to fill.

local core = require "genlat.core"
local base64 = require "genlat.plot.base64"
local images = require "genlat.plot.images"

local PIECE = 4096 -- characters of base64 in one escape sequence
local SHARP = 8 -- pixels a column: so many that the terminal's own scaling does not blur what is enlarged

-- The images (n x H x W x 3) side by side, transparent between them: H' x W' x 4.
local function picture(x, cell)
  local n, h, w = table.unpack(x.shape)
  local scale = math.max(1, SHARP * cell // w)
  local gap = math.max(1, math.floor(w * scale / cell + 0.5))
  local parts = {}
  for i = 1, n do
    if i > 1 then parts[#parts + 1] = core.zeros(h * scale, gap, 4) end
    parts[#parts + 1] = images.enlarge(core.cat({x[i], core.ones(h, w, 1)}, 3), scale)
  end
  return core.cat(parts, 2)
end

--- x: n x H x W x 3, 0..1, side by side, each `cell` columns wide.
return function(x, cell)
  local data = base64.encode(core.png_encode(picture(x, cell)))
  -- a=T: transmit and show; f=100: PNG; q=2: answer nothing; c: columns; m=1: more pieces follow.
  local keys, out = ("a=T,f=100,q=2,c=%d,"):format(#x * (cell + 1) - 1), {}
  for first = 1, #data, PIECE do
    local more = first + PIECE <= #data and 1 or 0
    out[#out + 1] = ("\27_G%sm=%d;%s\27\\"):format(keys, more, data:sub(first, first + PIECE - 1))
    keys = ""
  end
  return table.concat(out)
end
