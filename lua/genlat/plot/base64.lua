-- Base64 (RFC 4648, section 4), for pictures inside a page.
local base64 = {}

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- pairs_of[n]: the two characters of the 12-bit number n.
local pairs_of = {}
for high = 1, 64 do
  for low = 1, 64 do
    pairs_of[(high - 1) * 64 + low - 1] = alphabet:sub(high, high) .. alphabet:sub(low, low)
  end
end

local PIECE = 6 * 4096 -- bytes whose eights of characters are joined at a time: else millions of them would be alive

-- Bytes first .. last, a multiple of 6, in base64.
local function encode_piece(bytes, first, last)
  local eights, n = {}, 0
  for i = first, last, 6 do
    local v = string.unpack(">I6", bytes, i)
    n = n + 1
    eights[n] = pairs_of[v >> 36] .. pairs_of[v >> 24 & 4095] .. pairs_of[v >> 12 & 4095] .. pairs_of[v & 4095]
  end
  return table.concat(eights)
end

-- The bytes of the string `bytes` in base64, on one line, padded with "=".
function base64.encode(bytes)
  local out, n = {}, 0
  local whole = #bytes - #bytes % 6
  for first = 1, whole, PIECE do
    n = n + 1
    out[n] = encode_piece(bytes, first, math.min(first + PIECE - 1, whole))
  end
  for i = whole + 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local v = a << 16 | (b or 0) << 8 | (c or 0)
    local four = pairs_of[v >> 12] .. pairs_of[v & 4095]
    n = n + 1
    out[n] = c and four or b and four:sub(1, 3) .. "=" or four:sub(1, 2) .. "=="
  end
  return table.concat(out)
end

return base64
