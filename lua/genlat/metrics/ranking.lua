--- ranking.lua: how well scores put the positive examples before the others, whatever the threshold.
--
-- scores: N numbers (a tensor or a list), higher for what is held to be positive; positives: N of them (a tensor or a
-- list), 1 or true for the positive ones, 0 or false for the others.

local check = require "genlat.check"

local ranking = {}

-- A list of its own: a table of the user's may have a length that is not that of its elements.
local function as_list(x)
  if type(x) ~= "table" then return x:flatten():totable() end
  local list = {}
  for i, value in ipairs(x) do list[i] = value end
  return list
end

local function is_positive(value) return value == true or value == 1 end

-- The examples by falling score, as groups of equal scores {positive = how many, all = how many}; and how many are
-- positive and how many are not.
local function groups_of(scores, positives, name)
  scores, positives = as_list(scores), as_list(positives)
  if #scores ~= #positives then
    error(("%s: %d scores, but positives has %d"):format(name, #scores, #positives), 3)
  end
  local order, positive = {}, 0
  for i, score in ipairs(scores) do
    if type(score) ~= "number" or score ~= score then error(("%s: score %d is not a number"):format(name, i), 3) end
    order[i] = i
    if is_positive(positives[i]) then positive = positive + 1 end
  end
  if positive == 0 or positive == #scores then
    error(("%s: some of both kinds are wanted, %d of %d are positive"):format(name, positive, #scores), 3)
  end
  table.sort(order, function(a, b) return scores[a] > scores[b] end)
  local groups, last = {}, nil
  for _, i in ipairs(order) do
    if scores[i] ~= last then groups[#groups + 1] = {positive = 0, all = 0} end
    last = scores[i]
    local group = groups[#groups]
    group.all = group.all + 1
    if is_positive(positives[i]) then group.positive = group.positive + 1 end
  end
  return groups, positive, #scores - positive
end

--- The area under the receiver operating characteristic: the chance that a positive example scores higher than another
-- one, ties counting one half, which is Mann & Whitney's U over the number of pairs (Fawcett 2006, sec. 7). 0.5 is
-- chance; below it, the order is the wrong way round. Exact, with ties too.
--   metrics.auroc({3, 2, 2, 1}, {1, 1, 0, 0})     --> 0.875
function ranking.auroc(scores, positives)
  check.arguments("auroc", "scores:values positives:values", scores, positives)
  local groups, positive, negative = groups_of(scores, positives, "auroc")
  local before, doubled = 0, 0 -- positives that scored higher; 2 U, which is whole
  for _, group in ipairs(groups) do
    local others = group.all - group.positive
    doubled = doubled + others * (2 * before + group.positive)
    before = before + group.positive
  end
  return doubled / (2 * positive * negative)
end

--- Average precision: the sum over thresholds of the precision times what the recall grows by, examples of equal score
-- passing a threshold together. By chance it is the share of positive examples.
--   metrics.average_precision({3, 2, 1}, {1, 0, 1})     --> 0.8333...
function ranking.average_precision(scores, positives)
  check.arguments("average_precision", "scores:values positives:values", scores, positives)
  local groups, positive = groups_of(scores, positives, "average_precision")
  local found, seen, sum = 0, 0, 0
  for _, group in ipairs(groups) do
    found, seen = found + group.positive, seen + group.all
    sum = sum + group.positive / positive * found / seen
  end
  return sum
end

return ranking
