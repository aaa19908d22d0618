-- Places labels so that they do not lie on one another: along a line, and in the plane.
local labels = {}

-- Positions of the middles of labels on a line, each of height heights[i] and wanted at wanted[i], that do not overlap,
-- stay in lo..hi if there is room, and move as little as possible in sum of squares: labels that touch form a block,
-- which stands at the mean of what its members want (pool adjacent violators).
function labels.spread(wanted, heights, lo, hi)
  local order, blocks = {}, {}
  for i = 1, #wanted do order[i] = i end
  table.sort(order, function(a, b)
    return wanted[a] < wanted[b] or (wanted[a] == wanted[b] and a < b)
  end)
  local function top_of(block) -- where the block starts, within bounds
    return math.max(lo, math.min(block.sum / #block.members, hi - block.height))
  end
  for _, i in ipairs(order) do
    local block = { members = { i }, height = heights[i], sum = wanted[i] - heights[i] / 2 }
    while #blocks > 0 and top_of(blocks[#blocks]) + blocks[#blocks].height > top_of(block) do
      local above = table.remove(blocks)
      for _, member in ipairs(block.members) do above.members[#above.members + 1] = member end
      above.sum = above.sum + block.sum - #block.members * above.height
      above.height = above.height + block.height
      block = above
    end
    blocks[#blocks + 1] = block
  end
  local placed = {}
  for _, block in ipairs(blocks) do
    local y = top_of(block)
    for _, i in ipairs(block.members) do
      placed[i] = y + heights[i] / 2
      y = y + heights[i]
    end
  end
  return placed
end

-- How far two boxes overlap along x and along y; negative where they are apart.
local function overlap(a, b)
  return (a.width + b.width) / 2 - math.abs(a.x - b.x), (a.height + b.height) / 2 - math.abs(a.y - b.y)
end

-- Moves boxes {x =, y = (middles), width =, height =} apart until none overlaps, or for 200 rounds at most, and keeps
-- them in the rectangle left..right, top..bottom. Each pair moves along the axis where less is needed.
function labels.separate(boxes, left, top, right, bottom)
  for _ = 1, 200 do
    local moved = false
    for i = 1, #boxes do
      for j = i + 1, #boxes do
        local a, b = boxes[i], boxes[j]
        local dx, dy = overlap(a, b)
        if dx > 0 and dy > 0 then
          local axis, by = "y", dy / 2 + 0.1
          if dx < dy then axis, by = "x", dx / 2 + 0.1 end
          if a[axis] > b[axis] then by = -by end
          a[axis], b[axis], moved = a[axis] - by, b[axis] + by, true
        end
      end
    end
    for _, box in ipairs(boxes) do
      box.x = math.max(left + box.width / 2, math.min(right - box.width / 2, box.x))
      box.y = math.max(top + box.height / 2, math.min(bottom - box.height / 2, box.y))
    end
    if not moved then return end
  end
end

return labels
