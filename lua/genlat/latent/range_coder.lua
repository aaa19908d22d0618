--- range_coder.lua: symbols of known frequencies as almost as few bits as their information, and back: a range coder
-- (Martin 1979, which is arithmetic coding, Witten, Neal & Cleary 1987, byte by byte) and adaptive counts for it. All
-- arithmetic is on integers, so that what one machine writes every other one reads.
--
--   local encoder, counts = range_coder.encoder(), range_coder.counts {1, 1, 1}
--   for _, symbol in ipairs {2, 1, 2} do counts:encode(encoder, symbol) end
--   local bytes = encoder:finish()
--   local decoder, same = range_coder.decoder(bytes), range_coder.counts {1, 1, 1}
--   same:decode(decoder)                                                            -- 2, then 1, then 2

local range_coder = {}

local WHOLE = 1 << 32 -- the range at the start
local LEAST = 1 << 24 -- a narrower range is widened by a byte
local MOST_TOTAL = 1 << 16 -- of frequencies: far below LEAST, so that dividing the range by it loses little

-- Encoder -------------------------------------------------------------------------------------------------------------

-- What is coded so far is a number in low .. low + range - 1 after the bytes that are out. A carry out of low goes into
-- the last byte that is held back, through all bytes of 255 behind it, which are only counted.
local Encoder = {}
Encoder.__index = Encoder

--- A new encoder.
function range_coder.encoder()
  return setmetatable({low = 0, range = WHOLE, held = nil, full = 0, out = {}}, Encoder)
end

-- Moves the highest byte of low out.
local function shift(self)
  local low, out = self.low, self.out
  local carry, byte = low >> 32, low >> 24 & 255
  if byte == 255 and carry == 0 then
    self.full = self.full + 1
  else
    if self.held then out[#out + 1] = string.char(self.held + carry) end
    if self.full > 0 then
      out[#out + 1] = (carry == 1 and "\0" or "\255"):rep(self.full)
      self.full = 0
    end
    self.held = byte
  end
  self.low = (low & 0xFFFFFF) << 8
end

--- Codes the symbol that has the frequencies first + 1 .. first + count of a total of at most 65536.
function Encoder:put(first, count, total)
  local part = self.range // total
  self.low = self.low + part * first
  self.range = part * count
  while self.range < LEAST do
    shift(self)
    self.range = self.range << 8
  end
end

--- The bytes; nothing can be coded after it. Zeros at their end are left out: the decoder reads on in zeros.
function Encoder:finish()
  -- of the numbers in the range, which is at least 2^24, one with as many zeros at its end as can be, at least 24
  local bits = 32
  while (self.low + (1 << bits) - 1) >> bits << bits >= self.low + self.range do
    bits = bits - 1
  end
  self.low = (self.low + (1 << bits) - 1) >> bits << bits
  shift(self)
  shift(self)
  return (table.concat(self.out):gsub("%z+$", ""))
end

-- Decoder -------------------------------------------------------------------------------------------------------------

local Decoder = {}
Decoder.__index = Decoder

--- A decoder of an encoder's bytes. Other bytes give other symbols, never an error; beyond their end it reads zeros.
function range_coder.decoder(bytes)
  local self = setmetatable({bytes = bytes, place = 5, range = WHOLE, code = 0}, Decoder)
  for i = 1, 4 do
    self.code = self.code << 8 | (bytes:byte(i) or 0)
  end
  return self
end

--- Where in 0 .. total - 1 the next symbol's frequencies lie; take has to follow.
function Decoder:slot(total) return math.min(self.code // (self.range // total), total - 1) end

--- Goes past the symbol with those frequencies, as in put.
function Decoder:take(first, count, total)
  local part = self.range // total
  self.code = self.code - part * first
  self.range = part * count
  while self.range < LEAST do
    self.code = (self.code << 8 | (self.bytes:byte(self.place) or 0)) & 0xFFFFFFFF
    self.range = self.range << 8
    self.place = self.place + 1
  end
end

-- Counts --------------------------------------------------------------------------------------------------------------

-- Frequencies that follow the symbols: each one that was coded counts INCREMENT more, and where the total gets too
-- large all are halved. tree[i] is the sum of the counts of i - lowbit(i) + 1 .. i (Fenwick 1994).
local Counts = {}
Counts.__index = Counts

local INCREMENT = 32

--- What one coded symbol adds to its count, the unit of the counts to begin with.
range_coder.INCREMENT = INCREMENT

local function build(self)
  local counts, tree, total = self.counts, {}, 0
  local n = #counts
  for i = 1, n do
    tree[i] = (tree[i] or 0) + counts[i]
    total = total + counts[i]
    local up = i + (i & -i)
    if up <= n then tree[up] = (tree[up] or 0) + tree[i] end
  end
  self.tree, self.total = tree, total
end

--- Counts to begin with: a list of whole numbers from 1, one a symbol, of at most 65536 in total.
function range_coder.counts(counts)
  local self = setmetatable({counts = {}}, Counts)
  for i, count in ipairs(counts) do
    if math.type(count) ~= "integer" or count < 1 then
      error(("counts: whole numbers from 1, not %s"):format(tostring(count)), 2)
    end
    self.counts[i] = count
  end
  self.top = 1 -- the highest power of two up to their number
  while self.top * 2 <= #counts do
    self.top = self.top * 2
  end
  build(self)
  if #counts == 0 or self.total > MOST_TOTAL then
    error(("counts: a total of 1 to %d, not %d"):format(MOST_TOTAL, self.total), 2)
  end
  return self
end

-- The sum of the counts of the symbols below one.
local function below(self, symbol)
  local tree, sum, i = self.tree, 0, symbol - 1
  while i > 0 do
    sum = sum + tree[i]
    i = i & (i - 1)
  end
  return sum
end

local function halve(self)
  for i, count in ipairs(self.counts) do
    self.counts[i] = (count + 1) // 2
  end
  build(self)
end

local function add(self, symbol)
  if self.total + INCREMENT > MOST_TOTAL then halve(self) end
  local counts, tree, n = self.counts, self.tree, #self.counts
  counts[symbol] = counts[symbol] + INCREMENT
  self.total = self.total + INCREMENT
  local i = symbol
  while i <= n do
    tree[i] = tree[i] + INCREMENT
    i = i + (i & -i)
  end
end

--- Codes a symbol, 1 to the number of counts, and counts it.
function Counts:encode(encoder, symbol)
  encoder:put(below(self, symbol), self.counts[symbol], self.total)
  add(self, symbol)
end

--- The next symbol, which is counted as well.
function Counts:decode(decoder)
  local slot, tree, n = decoder:slot(self.total), self.tree, #self.counts
  local i, rest, step = 0, slot, self.top
  while step > 0 do
    local next_one = i + step
    if next_one <= n and tree[next_one] <= rest then
      i, rest = next_one, rest - tree[next_one]
    end
    step = step >> 1
  end
  local symbol = i + 1
  decoder:take(slot - rest, self.counts[symbol], self.total)
  add(self, symbol)
  return symbol
end

return range_coder
