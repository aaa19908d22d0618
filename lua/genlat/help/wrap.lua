--- wrap.lua: texts broken into lines that fit the terminal.

local terminal = require "genlat.terminal"

local wrap = {}

local MOST, LEAST = 100, 60 -- columns

local function width() return math.max(LEAST, math.min(MOST, terminal.width())) end

-- Adds words to lines, each beginning with indent.
local function fill(lines, text, indent, most)
  local line = indent
  for word in text:gmatch "%S+" do
    if #line > #indent and #line + 1 + #word > most then
      lines[#lines + 1] = line
      line = indent
    end
    line = line .. (#line > #indent and " " or "") .. word
  end
  if #line > #indent then lines[#lines + 1] = line end
end

--- Lines of a comment: running text is broken anew, what is indented (lists, code) and empty lines stay.
function wrap.text(list, indent)
  local lines, running = {}, {}
  local function flush()
    fill(lines, table.concat(running, " "), indent or "", width())
    running = {}
  end
  for _, line in ipairs(list) do
    if line == "" or line:find "^%s%s" or line:find "^@" then
      flush()
      lines[#lines + 1] = line
    else
      running[#running + 1] = line
    end
  end
  flush()
  return (table.concat(lines, "\n"):gsub("^\n+", ""):gsub("\n+$", ""))
end

--- A call, broken at commas.
function wrap.call(text)
  local out, line = {}, ""
  for word in (text .. " "):gmatch "(.-[,)]+) " do
    if line ~= "" and #line + 1 + #word > width() then
      out[#out + 1] = line
      line = "   "
    end
    line = line == "" and word or line .. " " .. word
  end
  out[#out + 1] = line
  return table.concat(out, "\n")
end

--- Rows of {left, right} as two columns; the right one is broken, and goes below a left one that is long.
function wrap.columns(rows)
  local most = width()
  local gutter = 0
  for _, row in ipairs(rows) do
    if #row[1] <= 28 then gutter = math.max(gutter, #row[1]) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local text, indent = {}, (" "):rep(gutter + 4)
    fill(text, row[2], indent, most)
    local left = "  " .. row[1]
    if #left <= gutter + 2 and text[1] then
      text[1] = left .. text[1]:sub(#left + 1)
    else
      table.insert(text, 1, left)
    end
    lines[#lines + 1] = table.concat(text, "\n")
  end
  return table.concat(lines, "\n")
end

return wrap
