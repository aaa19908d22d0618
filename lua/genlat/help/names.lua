--- names.lua: names that are like a word that somebody typed.

local names = {}

--- Levenshtein's distance: how many letters to insert, remove or replace to come from a to b.
function names.distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local change = a:byte(i) == b:byte(j) and diagonal or diagonal + 1
      diagonal, row[j] = row[j], math.min(change, row[j] + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end

--- The names in the list that are nearest to a word, nearest first, at most `most` of them (1); only such as differ in
-- at most half of the word's letters.
function names.nearest(word, list, most)
  local found = {}
  for i, name in ipairs(list) do
    local distance = names.distance(word, name)
    if distance <= #word // 2 then found[#found + 1] = {name = name, distance = distance, place = i} end
  end
  table.sort(found, function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.place < b.place
  end)
  local best = {}
  for i = 1, math.min(most or 1, #found) do best[i] = found[i].name end
  return best
end

return names
