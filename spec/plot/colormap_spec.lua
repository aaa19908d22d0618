-- Colours for numbers: even in lightness, and where they belong.
local gl = require "genlat"
local colormap = require "genlat.plot.colormap"
local xml = dofile "spec/plot/xml.lua"

-- CIE L* (1976) of "#rrggbb" in sRGB: another measure of lightness than the one that the scales were made with.
local function lightness(hex)
  local r, g, b = hex:match "^#(%x%x)(%x%x)(%x%x)$"
  local function linear(v)
    v = tonumber(v, 16) / 255
    return v <= 0.04045 and v / 12.92 or ((v + 0.055) / 1.055) ^ 2.4
  end
  local y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  return y > 216 / 24389 and 116 * y ^ (1 / 3) - 16 or 24389 / 27 * y
end

describe("the sequential colours", function()
  it("get darker in even steps, from near white to near black", function()
    local before = lightness(colormap.hex("sequential", 0))
    assert.is_true(before > 96)
    for i = 1, 20 do
      local l = lightness(colormap.hex("sequential", i / 20))
      assert.is_true(before - l > 2.5 and before - l < 6, ("step %d: %.1f"):format(i, before - l))
      before = l
    end
    assert.is_true(before < 25)
  end)
end)

describe("the diverging colours", function()
  it("are near white in the middle and equally dark at equal distances from it", function()
    assert.is_true(lightness(colormap.hex("diverging", 0.5)) > 96)
    for i = 1, 10 do
      local low, high = colormap.hex("diverging", 0.5 - i / 20), colormap.hex("diverging", 0.5 + i / 20)
      assert.is_true(math.abs(lightness(low) - lightness(high)) < 6, i)
      local r, b = low:match "^#(%x%x)%x%x(%x%x)$"
      assert.is_true(b > r, low) -- blue below
      r, b = high:match "^#(%x%x)%x%x(%x%x)$"
      assert.is_true(r > b, high) -- orange above
    end
  end)
end)

describe("colormap.picture", function()
  it("gives each number its colour, and those beyond the scale the colour of its end", function()
    local picture = colormap.picture("sequential", gl.tensor {{2, 3, 4}, {-9, 99, 3}}, 2, 4)
    assert.same({2, 3, 3}, picture.shape)
    local function hex(row, column)
      local out = {}
      for i, v in ipairs(picture[{row, column}]:totable()) do
        out[i] = ("%02x"):format(math.floor(v * 255 + 0.5))
      end
      return "#" .. table.concat(out)
    end
    for i, t in ipairs {0, 0.5, 1} do
      assert.equal(colormap.hex("sequential", t), hex(1, i))
    end
    assert.same({hex(1, 1), hex(1, 3), hex(1, 2)}, {hex(2, 1), hex(2, 2), hex(2, 3)})
  end)

  it("knows two scales", function()
    assert.error_matches(function() colormap.hex("rainbow", 0) end, "sequential or diverging, not rainbow")
  end)
end)

describe("colormap.bar", function()
  it("has numbers where their colours are, the greatest at the top", function()
    local bar, width = colormap.bar("sequential", 10, 20, 200, 0, 1)
    assert.is_true(width > 20)
    local at = {}
    for _, text in ipairs(xml.all("<svg>" .. bar .. "</svg>", "text")) do
      at[text.text] = tonumber(text.attributes.y) - 4
    end
    assert.near(220, at["0"], 0.11)
    assert.near(20, at["1"], 0.11)
    assert.near(120, at["0.5"] or (at["0.4"] + at["0.6"]) / 2, 0.11)
  end)
end)
