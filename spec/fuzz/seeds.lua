-- seeds.lua: writes the files that the fuzzer of the readers begins with: lua5.4 spec/fuzz/seeds.lua FOLDER
--
-- Each is a good file after two bytes that choose the reader and an allocation to fail (see fuzz_io.c).

local maker = require "spec.io.png_maker"

local folder = assert(arg[1], "usage: lua5.4 spec/fuzz/seeds.lua FOLDER")
local PNG, PNG_REPAIRED, IDX, IDX_COMPRESSED, SAFETENSORS, IMAGE, CIFAR10 = 0, 1, 2, 3, 4, 5, 6
local NEVER = 255 -- no allocation fails

local number = 0
local function seed(reader, bytes, failing)
  number = number + 1
  local file = assert(io.open(("%s/seed%02d"):format(folder, number), "wb"))
  assert(file:write(string.char(reader, failing or NEVER), bytes))
  assert(file:close())
end

-- Every combination of color type and bits that PNG allows, a 5 x 3 image; interlaced ones as small passes.
local channels = { [0] = 1, [2] = 3, [3] = 1, [4] = 2, [6] = 4 }
local depths = { [0] = { 1, 2, 4, 8, 16 }, [2] = { 8, 16 }, [3] = { 1, 2, 4, 8 }, [4] = { 8, 16 }, [6] = { 8, 16 } }
local whole = { { 5, 3 } }
local passes = { { 1, 1 }, { 1, 1 }, { 1, 1 }, { 3, 1 }, { 2, 2 }, { 5, 1 } } -- widths and heights; the third is empty

local function rows_of(sizes, bits_per_pixel)
  local rows, value = {}, 0
  for _, size in ipairs(sizes) do
    for _ = 1, size[2] do
      local row = {}
      for i = 1, (size[1] * bits_per_pixel + 7) // 8 do
        value = (value * 5 + 3) % 256
        row[i] = string.char(value)
      end
      rows[#rows + 1] = table.concat(row)
    end
  end
  return rows
end

local palette = maker.chunk("PLTE", ("\1\2\3"):rep(2)) .. maker.chunk("tRNS", "\7")
for color, list in pairs(depths) do
  for _, bits in ipairs(list) do
    for _, sizes in ipairs { whole, passes } do
      local png = maker.png { width = 5, height = 3, bits = bits, color = color, interlaced = sizes == passes,
                              rows = rows_of(sizes, bits * channels[color]), extra = color == 3 and palette or nil }
      seed(PNG, png)
      seed(PNG_REPAIRED, png)
      seed(PNG, png, bits)
      seed(IMAGE, string.char(bits, 7 - color, color + bits & 15 | 2, 100) .. png)
    end
  end
end

local head = "\0\0\8"
seed(IDX, head .. "\1" .. string.pack(">I4", 5) .. "hello")
seed(IDX, head .. "\3" .. string.pack(">I4 I4 I4", 2, 3, 4) .. ("x"):rep(24))
seed(IDX, head .. "\1" .. string.pack(">I4", 5) .. "hello", 0)
seed(IDX_COMPRESSED, head .. "\3" .. string.pack(">I4 I4 I4", 2, 3, 4) .. ("x"):rep(24))
seed(IDX_COMPRESSED, head .. "\2" .. string.pack(">I4 I4", 64, 100) .. ("\0"):rep(6400))
-- gzip of an IDX file of the five values 1..5, as one stored block: its checksum is CRC-32
local idx = head .. "\1" .. string.pack(">I4", 5) .. "\1\2\3\4\5"
seed(IDX, "\x1f\x8b\8\0\0\0\0\0\0\3" .. string.pack("<B I2 I2", 1, #idx, ~#idx & 0xFFFF) .. idx
          .. string.pack("<I4 I4", maker.crc32(idx), #idx))

-- dtype, axes, the range, four sizes: what fuzz_io.c reads from the place of the header
local dtype_sizes = { 4, 8, 2, 2, 1, 8, 4, 2, 1, 8, 4, 2, 1, 1, 1, 1 }
for place, size in ipairs(dtype_sizes) do
  local header = string.pack("<B B i8 i8 i8 i8 i8 i8", place - 1, 2, 0, 6 * size, 2, 3, 1, 1)
  seed(SAFETENSORS, string.pack("<I8", #header) .. header .. ("\1\2\3\4\5\6"):rep(size))
end
seed(SAFETENSORS, string.pack("<I8", 2) .. "{}")

seed(CIFAR10, ("\0\1\2\3\4\5\6\7\8\9"):rep(8))
seed(CIFAR10, ("\9"):rep(3073))
seed(CIFAR10, ("\9"):rep(3073), 1)
