-- plain.lua: images as ASCII characters, the brighter the denser, without escapes: for logs and pipes.

local core = require "genlat.core"
local shrink = require "genlat.terminal.shrink"

local SHADES = " .:-=+*#%@"

--- x: n x H x W x 3, 0..1, side by side, each at most `cell` columns wide. A character is two pixels, one above the
-- other; their brightness is luma (ITU-R BT.601).
return function(x, cell)
  local images = ((shrink(x, cell) / 255) * core.tensor {0.299, 0.587, 0.114}):sum(-1):totable()
  local lines = {}
  for r = 1, #images[1], 2 do
    local characters = {}
    for i, image in ipairs(images) do
      if i > 1 then characters[#characters + 1] = " " end
      local upper, lower = image[r], image[r + 1] or image[r]
      for c = 1, #upper do
        local k = math.min(#SHADES, 1 + math.floor((upper[c] + lower[c]) / 2 * #SHADES))
        characters[#characters + 1] = SHADES:sub(k, k)
      end
    end
    lines[#lines + 1] = (table.concat(characters):gsub(" +$", ""))
  end
  return table.concat(lines, "\n")
end
