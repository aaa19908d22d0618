--- terminal: images as text, for a terminal: coloured half blocks, sixel or kitty graphics, plain characters elsewhere.
--
--   io.write(terminal.text(x, {columns = 5}), "\n")          -- x: N x H x W x C, 0..1
--   terminal.show(gl.data.load "digits")                     -- gl.show is this
--
-- terminal.text only computes; terminal.show prints. What the terminal can do is read from the environment, and
-- GENLAT_TERMINAL=blocks, sixel, kitty or plain overrides that.

local check = require "genlat.check"
local core = require "genlat.core"
local lazy = require "genlat.lazy"

local terminal = {}

local LEAST = 14 -- columns to which an image may be shrunk to have more of them side by side

-- What draws one row of images (n x H x W x 3, 0..1), each `cell` columns wide.
local methods = {
  blocks = "genlat.terminal.blocks", plain = "genlat.terminal.plain",
  sixel = "genlat.terminal.sixel", kitty = "genlat.terminal.kitty",
}

-- what the terminal is -----------------------------------------------------------------------------------------------

local function environment(name)
  local value = os.getenv(name)
  return value and value ~= "" and value or nil
end

--- The columns of the terminal: COLUMNS, else what the system says, else 80.
function terminal.width()
  local width = math.tointeger(tonumber(environment "COLUMNS" or ""))
  return width and width > 0 and width or core.terminal_width() or 80
end

-- Terminals that draw sixels, by TERM and by TERM_PROGRAM.
local sixel_terms, sixel_programs = {"foot", "mlterm"}, {["iTerm.app"] = true, WezTerm = true}

--- How images are best drawn here: "kitty", "sixel", "blocks" (24-bit colour), or "plain" (characters, no escapes)
-- where the output is no terminal, TERM is dumb or NO_COLOR is set. GENLAT_TERMINAL overrides it.
function terminal.method()
  local wanted = environment "GENLAT_TERMINAL"
  if wanted and methods[wanted] then return wanted end
  local term = environment "TERM" or "dumb"
  if not core.isatty(1) or term == "dumb" or environment "NO_COLOR" then return "plain" end
  if environment "TMUX" or term:match "^tmux" or term:match "^screen" then return "blocks" end -- pictures stop there
  if environment "KITTY_WINDOW_ID" or term:find "kitty" or term:find "ghostty" then return "kitty" end
  for _, name in ipairs(sixel_terms) do
    if term:find(name) then return "sixel" end
  end
  return sixel_programs[environment "TERM_PROGRAM"] and "sixel" or "blocks"
end

-- images -------------------------------------------------------------------------------------------------------------

local channels = {[1] = true, [3] = true, [4] = true}

-- Any images as N x H x W x 3, 0..1; transparent ones lie on black.
local function as_rgb(x)
  if not check.is_tensor(x) then error(("show: images are a tensor, not a %s"):format(type(x)), 4) end
  local shape = table.concat(x.shape, "x")
  x = x:detach()
  if x.ndim == 2 then x = x:unsqueeze(3) end
  if x.ndim == 3 then x = x:unsqueeze(1) end
  if x.ndim ~= 4 or not channels[x:size(4)] then
    error(("show: images are H x W, H x W x C or N x H x W x C with 1, 3 or 4 channels, not %s"):format(shape), 4)
  end
  x = x.dtype == "uint8" and x:float() / 255 or core.where(x:eq(x), x, 0):clamp(0, 1) -- nan is black
  local n, h, w, c = table.unpack(x.shape)
  if c == 1 then return x:expand(n, h, w, 3) end
  return c == 4 and x:slice(4, 1, 3) * x:slice(4, 4, 4) or x
end

-- How many of n images of w pixels stand side by side, and how many columns each takes.
local function fit(n, w, options)
  local width = options.width or terminal.width()
  local columns = options.columns
  if not columns then
    columns = math.max(1, (width + 1) // (w + 1))
    if columns < n then columns = math.max(columns, (width + 1) // (math.min(w, LEAST) + 1)) end
  end
  columns = math.min(columns, n)
  local cell = math.min(w, (width + 1) // columns - 1)
  if cell < 1 then error(("show: %d images do not stand side by side in %d columns"):format(columns, width), 4) end
  return columns, cell
end

-- A text in exactly so many columns, its end cut off where it is longer.
local function in_columns(text, columns)
  local length = utf8.len(text)
  if length > columns then
    text, length = text:sub(1, utf8.offset(text, columns) - 1) .. "…", columns
  end
  return text .. (" "):rep(columns - length)
end

-- A label without control characters; other ones that are not plainly visible are escaped.
local function plain(label)
  label = label:gsub("%c", " ")
  return utf8.len(label) and core.shown(label) or label:gsub("[\128-\255]", "?")
end

local function label_line(labels, first, last, cell)
  local words = {}
  for i = first, last do
    words[#words + 1] = in_columns(plain(tostring(labels[i] or "")), cell)
  end
  return (table.concat(words, " "):gsub(" +$", ""))
end

local OPTIONS = {
  columns = {check.whole(1)}, width = {check.whole(1)}, labels = {check.table},
  method = {check.word {"blocks", "sixel", "kitty", "plain"}},
}
local SHOWING = {count = {check.whole(1)}}
for name, rule in pairs(OPTIONS) do SHOWING[name] = rule end

local function render(images, options)
  local x = as_rgb(images)
  local n, w = #x, x:size(3)
  local columns, cell = fit(n, w, options)
  local draw = lazy.require(methods[options.method or terminal.method()])
  local lines = {}
  for first = 1, n, columns do
    local last = math.min(first + columns - 1, n)
    if first > 1 and not options.labels then lines[#lines + 1] = "" end
    lines[#lines + 1] = draw(x:slice(1, first, last), cell)
    if options.labels then lines[#lines + 1] = label_line(options.labels, first, last, cell) end
  end
  return table.concat(lines, "\n")
end

--- Images as text, without a newline at its end. images: H x W, H x W x C or N x H x W x C; float 0..1 or uint8; C 1, 3
-- or 4 (transparent ones on black). A pixel is half a character high and one wide; images that are too wide are shrunk,
-- by averaging. Options:
--   columns  images a row (as many as fit, where there are several shrunk to no less than 14 columns)
--   width    columns of the terminal (terminal.width())
--   labels   list of short texts, one for each image, below it
--   method   "blocks", "sixel", "kitty" or "plain" (terminal.method())
--
--   print(terminal.text(gl.data.load("digits").test:head(10), {method = "plain"}))
function terminal.text(images, options)
  local text = render(images, check.options("show", options, OPTIONS))
  return text
end

-- what to show -------------------------------------------------------------------------------------------------------

local COUNT, MOST = 20, 100 -- how many images: of a data set or a space; of a tensor

-- The classes' names of labels (a tensor from 1), or the numbers.
local function names_of(labels, classes)
  local names = labels:totable()
  for i, label in ipairs(names) do
    names[i] = classes and classes[label] or ("%d"):format(label)
  end
  return names
end

local function of_split(split, count)
  local x, labels = split:head(count or COUNT)
  return x, labels and names_of(labels, split.classes)
end

-- The names of the classes of a space's model, or nil where nothing says them.
local function classes_of(space)
  local said, names = pcall(function() return space.classes end)
  return said and names or nil
end

local function of_space(space, count)
  count = count or COUNT
  local labels = space:labels(count)
  return space:sample(count, {labels = labels}), labels and names_of(labels, classes_of(space))
end

-- The images of anything that has some, and their labels.
local function images_of(thing, count)
  if check.is_tensor(thing) then
    return thing.ndim == 4 and thing:slice(1, 1, math.min(count or MOST, #thing)) or thing
  elseif type(thing) == "table" then
    local split = thing.train or thing
    if getmetatable(split) == lazy.require "genlat.data.split" then return of_split(split, count) end
    local space = thing
    if type(thing.config) == "table" and thing.decode then space = lazy.require("genlat.latent.space").new(thing) end
    if getmetatable(space) == lazy.require "genlat.latent.space" then return of_space(space, count) end
  end
  error(("show: expected images, a data set, a model or a space, got %s"):format(type(thing)), 3)
end

--- Prints images: a tensor (as terminal.text takes it), the first ones of a data set or a split with their classes,
-- samples of a model or of a space. options: those of terminal.text, and count: how many (20; of a tensor, 100).
--
--   gl.show(gl.data.load "faces")
--   gl.show(gl.load "runs/vae", {count = 8})
--   gl.show(gl.rand(4, 28, 28, 1), {labels = {"a", "b", "c", "d"}})
function terminal.show(thing, options)
  if thing == nil and type(options) == "string" then error("show: " .. options, 3) end -- of gl.load, that failed
  local own = check.options("show", options, SHOWING)
  local images, labels = images_of(thing, own.count)
  own.labels = own.labels or labels
  io.write(render(images, own), "\n")
end

return terminal
