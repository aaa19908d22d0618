--- registration.lua: by how much of an edit two images differ, found by trying: the amount whose edit of the one comes
-- nearest to the other.

local core = require "genlat.core"

local registration = {}

local TRIED, REFINEMENTS = 13, 4 -- amounts over the range, and how often the step is halved afterwards

-- The mean squared difference of each image from the reference edited by its amount, where that is known: N.
local function distances(apply, images, reference, amounts)
  local edited, mask = apply(reference, amounts)
  local squares = (edited - images):square():mean(4, true) * mask
  return squares:sum({2, 3, 4}) / (mask:sum({2, 3, 4}) + 1e-6)
end

--- apply(images, amounts) -> edited images and mask, as in edits.lua; images and reference: N x H x W x C; range:
-- {least, most} amount to look at. Returns N amounts, to about 1/400 of the range.
--
--   local degrees = registration.amounts(edits.get("rotate").apply, turned, images, {-40, 40})
function registration.amounts(apply, images, reference, range)
  local n, step = #images, (range[2] - range[1]) / (TRIED - 1)
  local best, least
  local function try(amounts)
    local d = distances(apply, images, reference, amounts)
    local nearer = least and d:lt(least)
    best, least = nearer and nearer:where(amounts, best) or amounts, nearer and nearer:where(d, least) or d
  end
  for i = 0, TRIED - 1 do try(core.full({n}, range[1] + i * step)) end
  for _ = 1, REFINEMENTS do
    step = step / 2
    local from = best
    try(from - step)
    try(from + step)
  end
  return best
end

return registration
