--- progress.lua: a progress bar on a terminal's standard error; elsewhere it is silent.

local core = require "genlat.core"
local terminal = require "genlat.terminal"
local text = require "genlat.text"

local Progress = {}
Progress.__index = Progress

local INTERVAL = 0.1             -- seconds from one drawing to the next
local SHORTEST, LONGEST = 10, 30 -- of the bar, in columns

--- Is standard error a terminal on which a line can be drawn over?
function Progress.can_draw()
  local term = os.getenv "TERM" or ""
  return core.isatty(2) and term ~= "" and term ~= "dumb"
end

--- Takes the line that the cursor is in away.
function Progress.erase()
  if Progress.can_draw() then io.stderr:write("\r\27[K") end
end

--- on: whether to draw at all (it still needs a terminal).
function Progress.new(on)
  return setmetatable({on = on and Progress.can_draw(), drawn = 0, shown = false}, Progress)
end

local function clock_text(seconds)
  seconds = math.floor(seconds + 0.5)
  if seconds >= 3600 then return ("%d:%02d:%02d"):format(seconds // 3600, seconds // 60 % 60, seconds % 60) end
  return ("%d:%02d"):format(seconds // 60, seconds % 60)
end

-- Columns that a text takes; scripts with wide letters begin with Hangul.
local function columns_of(line)
  local columns = 0
  for _, code in utf8.codes(line) do columns = columns + (code >= 0x1100 and 2 or 1) end
  return columns
end

local function bar(share, columns)
  local filled = math.floor(columns * share)
  return ("#"):rep(filled) .. ("."):rep(columns - filled)
end

--- The line for at most so many columns: what there is no room for is left out, the least wanted first. parts: label,
-- share (0..1), rate, left, note.
function Progress.line(parts, columns)
  local label, rate, left, note = parts.label, parts.rate, parts.left .. " left", parts.note
  local percent = ("%d %%"):format(math.floor(100 * parts.share))
  local tail = ("%s  %s  %s"):format(rate, left, note):gsub(" +$", "")
  local room = columns - columns_of(label) - columns_of(tail) - 4
  if room >= SHORTEST then
    return ("%s [%s] %s"):format(label, bar(parts.share, math.min(room, LONGEST)), tail)
  end
  for _, words in ipairs {
    {label, percent, rate, left, note}, {label, percent, left, note}, {label, percent, note}, {label, percent},
    {percent},
  } do
    local line = table.concat(words, "  "):gsub(" +$", "")
    if columns_of(line) <= columns then return line end
  end
  return ""
end

--- The parts of a line, two spaces apart; where there are fewer columns than that takes, broken between the parts, and
-- between the words of a part that is too long alone.
function Progress.fold(parts, columns)
  local lines, line = {}, ""
  local function add(piece, gap)
    if line == "" then
      line = piece
    elseif columns_of(line .. gap .. piece) <= columns then
      line = line .. gap .. piece
    else
      lines[#lines + 1], line = line, "  " .. piece
    end
  end
  for _, part in ipairs(parts) do
    if columns_of(part) + 2 <= columns then
      add(part, "  ")
    else
      local gap = "  "
      for word in part:gmatch "%S+" do
        add(word, gap)
        gap = " "
      end
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

--- The columns of the terminal that is printed to; in a file or a pipe no line ends before its end.
function Progress.columns() return core.isatty(1) and (core.terminal_width() or terminal.width()) or math.huge end

--- Starts to count: `total` units, of which `done` are done already.
function Progress:start(total, done)
  self.total, self.first, self.began = total, done or 0, core.clock()
end

--- Draws the bar, if it is time to. label: what is under way; done: units done; rate_text(per second): a rate in words;
-- note: what to say at the end. It fits the terminal as wide as that is now, but for the last column.
function Progress:update(label, done, rate_text, note)
  if not self.on then return end
  local now = core.clock()
  if now - self.drawn < INTERVAL and done < self.total then return end
  self.drawn, self.shown = now, true
  local rate = (done - self.first) / math.max(now - self.began, 1e-9)
  local line = Progress.line({
    label = text.shown(label), share = self.total > 0 and math.min(1, done / self.total) or 1, rate = rate_text(rate),
    left = rate > 0 and clock_text((self.total - done) / rate) or "?", note = text.shown(note),
  }, (core.terminal_width() or terminal.width()) - 1)
  io.stderr:write("\r", line, "\27[K")
  io.stderr:flush()
end

--- Takes the bar away, so that a line can be printed.
function Progress:clear()
  if self.shown then Progress.erase() end
  self.shown = false
end

return Progress
