--- comments.lua: what the comments in genlat's Lua files say of functions and files: one definition is the source.

local comments = {}

local files = {} -- lines of files, by path; false where there is none

local function lines_of(path)
  if files[path] == nil then
    local file = io.open(path, "r")
    local lines = file and {}
    if file then
      for line in file:lines() do lines[#lines + 1] = line end
      file:close()
    end
    files[path] = lines or false
  end
  return files[path]
end

-- A comment line without its dashes, or nil: what is no comment, and the rule above a section of a file.
local function comment_in(line)
  local text = line and line:match "^%s*%-%-%-? ?(.*)$"
  return text and not text:find "%-%-%-%-%-$" and text or nil
end

-- The texts of the comment's lines that end above line `last`, or nil.
local function above(lines, last)
  local first = last
  while comment_in(lines[first - 1]) do first = first - 1 end
  if first == last then return nil end
  local text = {}
  for i = first, last - 1 do text[#text + 1] = comment_in(lines[i]) end
  return text
end

-- "(a, b, steps)"
local function parameters_of(f, method)
  local info, names = debug.getinfo(f, "u"), {}
  for i = 1, info.nparams do
    local name = debug.getlocal(f, i)
    if not (method and i == 1) then names[#names + 1] = name end
  end
  if info.isvararg then names[#names + 1] = "..." end
  return "(" .. table.concat(names, ", ") .. ")"
end

--- What is known of a Lua function: {call = "(a, b)", method = whether it is x:f(...), text = list of lines or nil,
-- path =, line =}; nil for a C function.
function comments.of(f)
  local info = debug.getinfo(f, "S")
  local path = info.source:match "^@(.*)$"
  local lines = path and lines_of(path)
  if info.what == "C" or not lines then return nil end
  local method = (lines[info.linedefined] or ""):find "^%s*function [%w_.]+:" ~= nil
  return {
    call = parameters_of(f, method), method = method, text = above(lines, info.linedefined), path = path,
    line = info.linedefined,
  }
end

--- The comment at the beginning of a Lua file, without the file's name, as a list of lines; nil for other files.
function comments.head(path)
  local lines, text = path and path:find "%.lua$" and lines_of(path), {}
  for _, line in ipairs(lines or {}) do
    local comment = comment_in(line)
    if not comment then break end
    text[#text + 1] = comment
  end
  if #text == 0 then return nil end
  text[1] = text[1]:gsub("^[%w_]+%.?l?u?a?: ", "", 1)
  return text
end

-- Is a line of a comment code?
local function is_code(line) return line:find "^%s%s" and line:find "[%(%[{\"]" end

-- The lines of code at the beginning of a file that have this name after a point or colon.
local function uses(path, name)
  local found = {}
  for _, line in ipairs(comments.head(path) or {}) do
    if is_code(line) and line:find("[.:]" .. name .. "%f[^%w_]") then found[#found + 1] = line end
  end
  return found
end

--- What the beginnings of a function's file and of its folder's init.lua show of its use, where the function's own
-- comment shows none: a list of lines. known: what comments.of returned.
function comments.uses(known, name)
  for _, line in ipairs(known.text or {}) do
    if is_code(line) then return {} end
  end
  local found = uses(known.path, name)
  if #found > 0 then return found end
  return uses(known.path:gsub("[^/\\]*$", "init.lua"), name)
end

local SHORT = 90 -- characters

--- The first sentence of a comment; of a long one its first clauses.
function comments.first_sentence(text)
  local words = {}
  for _, line in ipairs(text or {}) do
    if line == "" or line:find "^%s" or line:find "^@" then break end
    words[#words + 1] = line
  end
  local sentence = table.concat(words, " ")
  sentence = sentence:match "^(.-)%. +[%u`\"]" or sentence:gsub("[.:]$", "")
  if #sentence <= SHORT then return sentence end
  local cut = sentence:sub(1, SHORT)
  return (cut:match "^(.*%S)[;:,] " or cut:match "^(.*)%s") .. " ..."
end

return comments
