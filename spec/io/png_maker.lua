-- png_maker.lua: PNG files of every kind, byte by byte, for the specs and the fuzzer's seeds. Uncompressed inside.

local png_maker = {}

local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ c >> 1 or c >> 1 end
  crc_table[i] = c
end

function png_maker.crc32(s)
  local c = 0xFFFFFFFF
  for i = 1, #s do c = crc_table[(c ~ s:byte(i)) & 255] ~ c >> 8 end
  return c ~ 0xFFFFFFFF
end

local function adler32(s)
  local a, b = 1, 0
  for i = 1, #s do
    a = (a + s:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return b << 16 | a
end

-- A zlib stream of one stored block: at most 65535 bytes.
local function zlib(s)
  return "\x78\x01" .. string.pack("<B I2 I2", 1, #s, ~#s & 0xFFFF) .. s .. string.pack(">I4", adler32(s))
end

function png_maker.chunk(name, data)
  return string.pack(">I4", #data) .. name .. data .. string.pack(">I4", png_maker.crc32(name .. data))
end

-- width, height, bits, color (0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha), rows: a list of strings,
-- each a row's packed bytes (of all passes one after the other, with interlaced). extra: chunks before the data.
function png_maker.png(o)
  local rows = {}
  for i, row in ipairs(o.rows) do rows[i] = "\0" .. row end -- 0: no filter
  return "\x89PNG\r\n\x1a\n"
    .. png_maker.chunk("IHDR", string.pack(">I4 I4 B B B B B", o.width, o.height, o.bits, o.color, 0, 0,
                                           o.interlaced and 1 or 0))
    .. (o.extra or "")
    .. png_maker.chunk("IDAT", zlib(table.concat(rows)))
    .. png_maker.chunk("IEND", "")
end

return png_maker
