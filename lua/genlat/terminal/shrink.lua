-- shrink.lua: images made smaller by averaging, as bytes, for the ways to draw that have few pixels.

--- x: n x H x W x 3, 0..1 -> n x H' x columns x 3, 0..255, float; itself, in size, where it is no wider than that.
return function(x, columns)
  local h, w = x:size(2), x:size(3)
  if w > columns then x = x:adaptive_avg_pool2d {math.max(1, math.floor(h * columns / w + 0.5)), columns} end
  return (x * 255):round()
end
