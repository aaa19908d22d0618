--- text.lua: words for people: names made harmless for a terminal and for a file system, counts, the nearest name.
--
-- Names of classes, tensors and files come from whoever made the file: every message that quotes one is made by
-- text.message, which shows what could command a terminal escaped.

local core = require "genlat.core"

local text = {}

--- A text as it can be shown: control characters, marks that turn the direction of writing and bytes that are no UTF-8
-- are escaped (\n, \x1B, \u{202E}); letters of all languages stay.
--
--   text.shown "a\27[2Jb"                          -- a\x1B[2Jb
text.shown = core.shown

--- The same for each line of a text, whose line ends stay.
function text.shown_lines(lines) return (lines:gsub("[^\n]+", core.shown)) end

--- string.format where numbers have a point, whatever the locale of the program: for all that is written or compared.
function text.format(format, ...) return core.plain(string.format, format, ...) end

--- table.sort where texts are ordered by their bytes, whatever the locale of the program.
function text.sort(list, before) core.plain(table.sort, list, before) end

--- The keys of a table, all of them texts, sorted as text.sort sorts them.
function text.sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  text.sort(keys)
  return keys
end

--- text.format, with every text that is put into the format shown (text.shown); the format's own line ends stay.
--
--   text.message("%s: there is no class %s", path, name)
function text.message(format, ...)
  local values = table.pack(...)
  for i = 1, values.n do
    local value = values[i]
    if not math.type(value) and type(value) ~= "boolean" then values[i] = core.shown(tostring(value)) end
  end
  return text.format(format, table.unpack(values, 1, values.n))
end

--- "1 image", "2 images": a count with its word, whose plural has an s or is given.
--
--   text.count(2, "class", "classes")
function text.count(n, word, plural)
  return ("%d %s"):format(n, n == 1 and word or plural or word .. "s")
end

--- A word of a shell command, whatever is in it.
--
--   text.quoted "it's"                             -- 'it'\''s'
function text.quoted(word) return "'" .. tostring(word):gsub("'", "'\\''") .. "'" end

--- A word with its article: "a VAE", "an Autoencoder".
function text.a(word) return (word:find "^[AEIOaeio]" and "an " or "a ") .. word end

-- Names of files ------------------------------------------------------------------------------------------------------

-- Bytes of a name that are kept; what comes before and after it has room in the 255 of file systems.
local LONGEST, LONGEST_FOLDER = 60, 200

local reserved = {con = true, prn = true, aux = true, nul = true} -- by Windows, with any ending
for i = 1, 9 do
  reserved["com" .. i], reserved["lpt" .. i] = true, true
end

-- Is this a file's name everywhere, which differs from all others also where case and ways to write an accent do not
-- count?
local function is_plain(name)
  return #name <= LONGEST and name:find "^[a-z0-9][a-z0-9 _.+%-]*$" and name:find "[^ .]$"
    and not reserved[name:match "^[^.]*"]
end

-- A readable rest of a name: no sign that a file system or a shell knows, whole characters.
local function readable(name, longest)
  local shown = core.shown(name):gsub("[%c\\/:*?\"<>|{}~'`$&;()!#%%%[%]^=,@]", "-"):gsub("^[ .%-]+", "")
  if #shown > longest then shown = shown:sub(1, utf8.offset(shown, 0, longest + 1) - 1) end
  return (shown:gsub("[ .%-]+$", ""))
end

--- A name as (part of) a file's name, one to one on every file system: plain names (small letters of ASCII, digits,
-- space and _ . + -) are taken as they are; of any other, what can be kept is followed by ~ and a number of all of it.
--
--   text.file_name "smile"                         -- smile
--   text.file_name "T-shirt/top"                   -- T-shirt-top~ and twelve digits
function text.file_name(name)
  if is_plain(name) then return name end
  return ("%s~%012x"):format(readable(name, LONGEST):gsub("^$", "x"), core.hash(name) & 0xFFFFFFFFFFFF)
end

--- Names of a list, such as a data set's classes, as folders' names that are read as the names again: each stays what
-- it is as far as file systems allow that and no other one comes out as the same; else it is text.file_name's.
function text.folder_names(names)
  local found, owners = {}, {}
  for i, name in ipairs(names) do
    local kept = readable(name, LONGEST_FOLDER)
    found[i] = kept ~= "" and not reserved[kept:lower():match "^[^.]*"] and kept or text.file_name(name)
    owners[found[i]:lower()] = (owners[found[i]:lower()] or 0) + 1
  end
  for i, name in ipairs(names) do
    if owners[found[i]:lower()] > 1 and found[i] ~= name:lower() then found[i] = text.file_name(name) end
  end
  return found
end

-- Names that are alike ------------------------------------------------------------------------------------------------

--- Levenshtein's distance: how many letters to insert, remove or replace to come from a to b.
function text.distance(a, b)
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

local LONGEST_WORD = 100 -- a longer one is no slip of the keys, and its distances would take long

--- The names in the list that are nearest to a word, nearest first, at most `most` of them (1); only such as differ in
-- at most half of the word's letters.
function text.nearest(word, list, most)
  local found, best = {}, {}
  if #word > LONGEST_WORD then return best end
  for i, name in ipairs(list) do
    local distance = text.distance(word, name)
    if distance <= #word // 2 then found[#found + 1] = {name = name, distance = distance, place = i} end
  end
  table.sort(found, function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.place < b.place
  end)
  for i = 1, math.min(most or 1, #found) do best[i] = found[i].name end
  return best
end

local SHOWN = 20 -- names that a message lists

--- Names as a message lists them: "a, b, c"; of many the first ones and how many there are.
function text.list(names)
  if #names <= SHOWN then return table.concat(names, ", ") end
  return ("%s, ... (%d)"):format(table.concat(names, ", ", 1, SHOWN), #names)
end

--- What to say where there is no such name: "there is no option 'sise'; there are cache, size; did you mean 'size'?"
function text.unknown(what, name, list)
  local nearest = text.nearest(tostring(name), list)[1]
  return text.message("there is no %s '%s'; ", what, name)
    .. (#list > 0 and text.message("there are %s", text.list(list)) or "there are none")
    .. (nearest and text.message("; did you mean '%s'?", nearest) or "")
end

return text
