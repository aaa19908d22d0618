-- A small SVG writer: escaped text, numbers that no locale can spoil, elements whose attributes keep a fixed order.
local text = require "genlat.text"

local svg = {}

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- Control characters of C1, marks and overrides of the direction of writing, as UTF-8.
local unseen = { "\xC2[\x80-\x9F]", "\xE2\x80[\x8E\x8F\xA8-\xAE]", "\xE2\x81[\xA6-\xAF]", "\xD8\x9C" }

-- The text `s` for use as content or attribute value in XML and HTML. Characters that XML cannot hold or that nobody
-- sees (control characters, bytes that are not UTF-8, overrides of the direction of writing) become U+FFFD.
function svg.escape(s)
  s = text.format("%s", s):gsub("[%z\1-\8\11\12\14-\31\127]", "\u{FFFD}")
  if not utf8.len(s) then s = s:gsub("[\128-\255]", "\u{FFFD}") end
  for _, hidden in ipairs(unseen) do s = s:gsub(hidden, "\u{FFFD}") end
  return (s:gsub("[&<>\"']", entities))
end

-- The number `v` with at most `decimals` (default 1) digits after the point and no trailing zeros.
function svg.number(v, decimals)
  local s = text.format("%." .. (decimals or 1) .. "f", v)
  if s:find(".", 1, true) then s = s:gsub("%.?0+$", "") end
  return s == "-0" and "0" or s
end

-- <name key="value" ...>content</name>. Attribute names are written with _ for - (font_size); a value that is false is
-- left out. The rest of the arguments are content that is XML already.
function svg.element(name, attributes, ...)
  local keys, out = {}, { "<", name }
  for key, value in pairs(attributes or {}) do
    if value then keys[#keys + 1] = key end
  end
  text.sort(keys) -- the same picture gives the same file
  for _, key in ipairs(keys) do
    local value = attributes[key]
    local written = type(value) == "number" and svg.number(value, 2) or svg.escape(value)
    out[#out + 1] = (' %s="%s"'):format(key:gsub("_", "-"), written)
  end
  local content = table.concat({ ... })
  out[#out + 1] = content == "" and "/>" or (">" .. content .. "</" .. name .. ">")
  return table.concat(out)
end

-- A rectangle of the picture that clips what is drawn in it; coordinates inside are those of the picture. A nested
-- <svg> needs no id, so several pictures can stand in one page.
function svg.clip(left, top, width, height, ...)
  local n = svg.number
  local view = ("%s %s %s %s"):format(n(left, 2), n(top, 2), n(width, 2), n(height, 2))
  local attributes = { x = left, y = top, width = width, height = height, viewBox = view, overflow = "hidden" }
  return svg.element("svg", attributes, ...)
end

-- Advance widths in em of a typical sans-serif face, a little generous since the reader's font is not known.
local widths = {}
for characters, em in pairs({
  ["iljI.,:;'|!"] = 0.31, ['ftr()[]/\\- "'] = 0.38, ["mwMW%@"] = 0.9, ["0123456789"] = 0.62,
  ["ABCDEFGHJKLNOPQRSTUVXYZ&"] = 0.7,
}) do
  for character in characters:gmatch(".") do widths[character:byte()] = em end
end

-- The width of `s` in pixels, estimated, at font size `size`.
function svg.text_width(s, size)
  s = tostring(s)
  if not utf8.len(s) then return 0.6 * size * #s end
  local em = 0
  for _, code in utf8.codes(s) do
    em = em + (widths[code] or (code >= 0x2E80 and 1 or 0.59)) -- from U+2E80 on: square (CJK) characters
  end
  return em * size
end

-- The lines of `s` broken at spaces so that each is at most `width` pixels wide (a longer word stands alone).
function svg.wrap(s, size, width)
  local lines, line = {}, nil
  for word in tostring(s):gmatch("%S+") do
    local longer = line and (line .. " " .. word) or word
    if line and svg.text_width(longer, size) > width then
      lines[#lines + 1], line = line, word
    else
      line = longer
    end
  end
  lines[#lines + 1] = line
  return lines
end

return svg
