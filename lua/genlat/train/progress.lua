--- progress.lua: a progress bar on a terminal's standard error; elsewhere it is silent.

local core = require "genlat.core"
local text = require "genlat.text"

local Progress = {}
Progress.__index = Progress

local INTERVAL = 0.1 -- seconds from one drawing to the next

--- on: whether to draw at all (it still needs a terminal).
function Progress.new(on)
  return setmetatable({on = on and core.isatty(2), drawn = 0, shown = false}, Progress)
end

local function clock_text(seconds)
  seconds = math.floor(seconds + 0.5)
  if seconds >= 3600 then return ("%d:%02d:%02d"):format(seconds // 3600, seconds // 60 % 60, seconds % 60) end
  return ("%d:%02d"):format(seconds // 60, seconds % 60)
end

--- Starts to count anew: `total` units, of which `done` are done already.
function Progress:start(total, done)
  self.total, self.first, self.began = total, done or 0, core.clock()
end

--- Draws the bar, if it is time to. label: what is under way; done: units done; rate_text(per second): a rate in words;
-- note: what to say at the end.
function Progress:update(label, done, rate_text, note)
  if not self.on then return end
  local now = core.clock()
  if now - self.drawn < INTERVAL and done < self.total then return end
  self.drawn, self.shown = now, true
  local rate = (done - self.first) / math.max(now - self.began, 1e-9)
  local left = rate > 0 and clock_text((self.total - done) / rate) or "?"
  label, note = text.shown(label), text.shown(note)
  local tail = (" %s  %s left  %s"):format(rate_text(rate), left, note)
  local width = math.max(10, math.min(30, (core.terminal_width() or 80) - #label - #tail - 5))
  local filled = math.floor(width * done / self.total)
  io.stderr:write(("\r%s [%s%s]%s\27[K"):format(label, ("#"):rep(filled), ("."):rep(width - filled), tail))
  io.stderr:flush()
end

--- Takes the bar away, so that a line can be printed.
function Progress:clear()
  if self.shown then io.stderr:write("\r\27[K") end
  self.shown = false
end

return Progress
