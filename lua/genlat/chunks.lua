--- chunks.lua: how many images are computed at a time where nothing is learned, by their bytes: so that memory depends
-- on the batch that is trained on, and not on how large pictures are or how many there are.
--
--   local size = chunks.size(chunks.floats(model), 500)
--   local z = chunks.map(n, size, function(first, last) return encode(x:slice(1, first, last)) end)
--
-- Where a chunk is not as large as it may be, its number of images is a multiple of 4: random numbers are drawn in
-- fours, so that what is drawn chunk by chunk is what would be drawn at once.

local core = require "genlat.core"

local chunks = {}

local BYTES = 16 << 20 -- of the widest tensor of a chunk; a few such are alive at a time
local FLOAT = 4 -- bytes

--- The float32 numbers of the widest tensor that a model computes for an image: as it says (model:widest()), else those
-- of an image, of a shape {H, W, C} or, where neither knows it, of a split.
function chunks.floats(of, split)
  if of.widest then return of:widest() end
  local shape = of.config and of.config.image or split and {table.unpack(split.images.shape, 2)} or of
  local product = 1
  for _, size in ipairs(shape) do
    product = product * size
  end
  return product
end

--- How many rows of so many floats are computed at a time, `most` at most. bytes: 16 MB, if left out.
function chunks.size(floats, most, bytes)
  local size = (bytes or BYTES) // (FLOAT * floats)
  if size >= most then return most end
  return math.min(most, math.max(4, size - size % 4))
end

--- Walks over 1 .. n: first and last of each chunk.
function chunks.each(n, size)
  local first = 1 - size
  return function()
    first = first + size
    if first <= n then return first, math.min(first + size - 1, n) end
  end
end

--- The tensors that f(first, last) returns for each chunk of 1 .. n, below one another.
function chunks.map(n, size, f)
  local all
  for first, last in chunks.each(n, size) do
    local part = f(first, last)
    if first == 1 and last == n then return part end
    if not all then
      local shape = part.shape
      shape[1] = n
      all = core.zeros(shape)
    end
    all:slice(1, first, last):copy_(part)
  end
  return all
end

return chunks
