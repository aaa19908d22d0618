-- Images as text for a terminal: what is written is read back by a small terminal.

local gl = require "genlat"
local core = require "genlat.core"
local terminal = require "genlat.terminal"
local maker = require "spec.io.folder"

-- Runs f with these environment variables alone, standard output being a terminal or not.
local function with(variables, is_terminal, f)
  local getenv, isatty = os.getenv, core.isatty
  os.getenv = function(name) return variables[name] end -- luacheck: ignore
  core.isatty = function() return is_terminal end
  local ok, result = pcall(f)
  os.getenv, core.isatty = getenv, isatty -- luacheck: ignore
  return assert(ok, result) and result
end

-- What half blocks show: rows of pixels {r, g, b}, false where the background was left as it is; and how many escapes.
local function read_blocks(text)
  local rows, escapes = {}, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local upper, lower, front, back = {}, {}, false, false
    local at = 1
    while at <= #line do
      local codes = line:match("^\27%[([%d;]*)m", at)
      if codes then
        escapes, at = escapes + 1, at + #codes + 3
        codes = codes .. ";"
        while #codes > 0 do
          local layer, r, g, b = codes:match "^([34])8;2;(%d+);(%d+);(%d+);"
          if layer then
            local color = {tonumber(r), tonumber(g), tonumber(b)}
            if layer == "3" then front = color else back = color end
            codes = codes:gsub("^%d+;2;%d+;%d+;%d+;", "", 1)
          else
            assert(codes == "0;", "an escape that is not known: " .. codes)
            front, back, codes = false, false, ""
          end
        end
      else
        local character = line:match("^" .. utf8.charpattern, at)
        assert(character == "▀" or character == " ")
        local drawn = character == "▀"
        upper[#upper + 1], lower[#lower + 1] = drawn and front or false, drawn and back or false
        at = at + #character
      end
    end
    assert(not front and not back, "a line ends in colour")
    rows[#rows + 1], rows[#rows + 2] = upper, lower
  end
  return rows, escapes
end

-- What a string of sixels shows: rows of pixels {r, g, b} in hundredths, false where nothing was drawn.
local function read_sixels(text)
  local width, height, body = text:match "^\27P0;1;0q\"1;1;(%d+);(%d+)(.*)\27\\$"
  local rows, colors, color, x, y = {}, {}, nil, 1, 1
  for r = 1, tonumber(height) do
    rows[r] = {}
    for c = 1, tonumber(width) do rows[r][c] = false end
  end
  local at = 1
  local function take(pattern)
    local from, to, a, b, c, d = body:find("^" .. pattern, at)
    if from then at = to + 1 end
    return a, b, c, d
  end
  while at <= #body do
    local number, r, g, b = take "#(%d+);2;(%d+);(%d+);(%d+)"
    if number then
      colors[number] = {tonumber(r), tonumber(g), tonumber(b)}
    else
      color = take "#(%d+)" or color
      local count, sixel = take "!(%d+)([?-~])"
      if not count then count, sixel = 1, take "([?-~])" end
      if sixel then
        for _ = 1, tonumber(count) do
          for bit = 0, 5 do
            if sixel:byte() - 63 >> bit & 1 == 1 then
              assert(rows[y + bit] and rows[y + bit][x] ~= nil, "a pixel outside the picture")
              rows[y + bit][x] = assert(colors[color])
            end
          end
          x = x + 1
        end
      elseif take "(%$)" then
        x = 1
      elseif take "(%-)" then
        x, y = 1, y + 6
      else
        assert(body:find("^[#!]", at) == nil and body:find("^[?-~]", at), "no sixel: " .. body:sub(at, at + 9))
      end
    end
  end
  return rows
end

local function decode_base64(text)
  local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  return (text:gsub("....", function(four)
    local v, bytes = 0, 3 - select(2, four:gsub("=", ""))
    for c in four:gmatch "." do v = v << 6 | (c == "=" and 0 or alphabet:find(c, 1, true) - 1) end
    return string.pack(">I3", v):sub(1, bytes)
  end))
end

describe("terminal", function()
  local two = gl.tensor({{{255, 0, 0}, {0, 255, 0}}, {{0, 0, 255}, {9, 8, 7}}, {{1, 1, 1}, {1, 1, 1}}},
    {dtype = "uint8"})

  local function blocks(x, options)
    options = options or {}
    options.method, options.width = "blocks", options.width or 80
    return terminal.text(x, options)
  end

  it("draws two pixels in a half block, in their colours", function()
    assert.same({
      {{255, 0, 0}, {0, 255, 0}}, {{0, 0, 255}, {9, 8, 7}}, {{1, 1, 1}, {1, 1, 1}}, {false, false},
    }, (read_blocks(blocks(two))))
    assert.equal("\27[38;2;255;0;0;48;2;0;0;255m▀\27[38;2;0;255;0;48;2;9;8;7m▀\27[0m\n\27[38;2;1;1;1m▀▀\27[0m",
      blocks(two))
  end)

  it("names a colour only where it changes", function()
    assert.equal(2, select(2, read_blocks(blocks(gl.full({2, 40}, 0.5)))))
  end)

  it("takes grey, transparent, float and byte images, one or many", function()
    local function first(x) return read_blocks(blocks(x))[1][1] end
    assert.same({128, 128, 128}, first(gl.full({2, 2}, 0.5)))
    assert.same({255, 255, 255}, first(gl.full({2, 2, 1}, 7)))
    assert.same({0, 0, 0}, first(gl.full({2, 2, 1}, 0 / 0)))
    assert.same({0, 100, 200}, first(gl.tensor({{{0, 100, 200, 255}}}, {dtype = "uint8"})))
    assert.same({0, 20, 40}, first(gl.tensor({{{0, 100, 200, 51}}}, {dtype = "uint8"})))
    assert.same({26, 26, 26}, first(gl.full({3, 2, 2, 3}, 0.1, {requires_grad = true})))
  end)

  it("puts images side by side, as many as fit, with a column between them", function()
    local x = gl.zeros(5, 2, 20, 1)
    assert.equal(41, #read_blocks(blocks(x, {columns = 2}))[1])
    assert.equal(5, #read_blocks(blocks(x, {columns = 2})) // 2) -- three lines of images, two between
    assert.equal(20 * 3 + 2, #read_blocks(blocks(x:slice(1, 1, 3)))[1])
    assert.equal(15 * 5 + 4, #read_blocks(blocks(x))[1]) -- shrunk, so that all five are on one line
    assert.equal(80, #read_blocks(blocks(gl.zeros(1, 2, 200, 1)))[1])
    local rows = read_blocks(blocks(x, {columns = 2}))
    assert.is_false(rows[1][21])
    assert.equal(0, #rows[3])
  end)

  it("shrinks by averaging", function()
    local x = gl.tensor {{0, 1, 0.2, 0.2}, {1, 0, 0.2, 0.2}, {1, 1, 0, 0}, {1, 1, 0, 0}}
    assert.same({{{128, 128, 128}, {51, 51, 51}}, {{255, 255, 255}, {0, 0, 0}}}, (read_blocks(blocks(x, {width = 2}))))
  end)

  it("writes labels below, cut to the image's width", function()
    local text = blocks(gl.zeros(3, 2, 5, 1), {labels = {"one", "a long one", "größe\n"}, columns = 2})
    local lines = {}
    for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
    assert.same({"one   a lo…", "größ…"}, {lines[2], lines[4]})
    assert.equal(4, #lines)
    assert.is_truthy(blocks(gl.zeros(1, 2, 5, 1), {labels = {"\xff\xfe"}}):find "\n%?%?$")
  end)

  it("draws plain characters without escapes", function()
    local x = gl.tensor {{0, 0.5, 1}, {0, 0.5, 1}, {0, 1, 0}}
    assert.equal(" +@\n @", terminal.text(x, {method = "plain", width = 80}))
    assert.is_nil(terminal.text(gl.rand(3, 9, 9, 3), {method = "plain", width = 20}):find "[^ -~\n]")
  end)

  describe("sixels", function()
    local function hundredths(pixel)
      local out = {}
      for i, v in ipairs(pixel) do out[i] = math.floor(v * 100 / 255 + 0.5) end
      return out
    end

    it("say each pixel, enlarged to the columns' pixels, with what is between the images left out", function()
      local rows = read_sixels(terminal.text(gl.stack {two, two}, {method = "sixel", width = 80}))
      local column = select(2, core.terminal_width()) or 8
      assert.equal(3 * column, #rows) -- two pixels on two columns
      assert.equal(5 * column, #rows[1])
      local source = two:totable()
      for r = 1, #rows do
        for c = 1, 2 * column do
          local wanted = hundredths(source[(r - 1) // column + 1][(c - 1) // column + 1])
          assert.same(wanted, rows[r][c])
          assert.same(wanted, rows[r][3 * column + c])
        end
        for c = 2 * column + 1, 3 * column do assert.is_false(rows[r][c]) end
      end
    end)

    it("of more than 256 colours are near them", function()
      local x = gl.data.face({}, {side = 64})
      local rows = read_sixels(terminal.text(x, {method = "sixel", width = 8}))
      local column = select(2, core.terminal_width()) or 8
      if column == 8 then
        local worst, source = 0, (x * 100):totable()
        for r, row in ipairs(rows) do
          for c, pixel in ipairs(row) do
            for k = 1, 3 do worst = math.max(worst, math.abs(pixel[k] - source[r][c][k])) end
          end
        end
        assert.is_true(worst < 12)
      end
    end)
  end)

  it("sends kitty a PNG in pieces of 4096 characters", function()
    local x = gl.rand(2, 40, 30, 3)
    local text = terminal.text(x, {method = "kitty", width = 80})
    local data, pieces = {}, {}
    local rest = text:gsub("\27_G([^;]*);([^\27]*)\27\\", function(keys, piece)
      pieces[#pieces + 1], data[#data + 1] = keys, piece
      return ""
    end)
    assert.equal("", rest)
    assert.equal("a=T,f=100,q=2,c=61,m=1", pieces[1])
    assert.is_true(#pieces > 2)
    for i = 2, #pieces do
      assert.equal(i < #pieces and "m=1" or "m=0", pieces[i])
      assert.equal(4096, #data[i - 1])
    end
    local place = maker.new()
    place:write("a.png", decode_base64(table.concat(data)))
    local picture = assert(gl.read_png(place:path "a.png"))
    place:remove()
    assert.same({320, 61 * 8, 4}, picture.shape)
    local wanted = gl.plot.images.enlarge(x[2], 8)
    local second = picture:slice(2, 31 * 8 + 1, 61 * 8):slice(3, 1, 3) / 255
    assert.is_true((second - wanted):abs():max():item() < 0.5 / 255 + 1e-6)
    assert.equal(0, picture:slice(2, 241, 248):float():max():item())
  end)

  describe("the method", function()
    local function method(variables, is_terminal)
      return with(variables, is_terminal ~= false, terminal.method)
    end

    it("is what the environment says of the terminal", function()
      assert.equal("blocks", method {TERM = "xterm-256color"})
      assert.equal("kitty", method {TERM = "xterm-kitty"})
      assert.equal("kitty", method {TERM = "xterm-256color", KITTY_WINDOW_ID = "1"})
      assert.equal("kitty", method {TERM = "xterm-ghostty"})
      assert.equal("sixel", method {TERM = "foot"})
      assert.equal("sixel", method {TERM = "mlterm"})
      assert.equal("sixel", method {TERM = "xterm-256color", TERM_PROGRAM = "WezTerm"})
      assert.equal("sixel", method {TERM = "xterm-256color", TERM_PROGRAM = "iTerm.app"})
    end)

    it("is blocks in tmux, which keeps pictures to itself", function()
      assert.equal("blocks", method {TERM = "tmux-256color", KITTY_WINDOW_ID = "1"})
      assert.equal("blocks", method {TERM = "foot", TMUX = "/tmp/tmux-0/default,1,0"})
    end)

    it("is plain where colours are not wanted or not there", function()
      assert.equal("plain", method({TERM = "xterm-kitty"}, false))
      assert.equal("plain", method {TERM = "dumb"})
      assert.equal("plain", method {})
      assert.equal("plain", method {TERM = "xterm-256color", NO_COLOR = "1"})
      assert.equal("blocks", method {TERM = "xterm-256color", NO_COLOR = ""})
    end)

    it("is what GENLAT_TERMINAL says", function()
      for _, name in ipairs {"blocks", "sixel", "kitty", "plain"} do
        assert.equal(name, method({GENLAT_TERMINAL = name, NO_COLOR = "1"}, false))
      end
      assert.equal("blocks", method {GENLAT_TERMINAL = "ascii", TERM = "xterm"})
    end)
  end)

  it("takes the width from COLUMNS, the system, or 80", function()
    local before = core.terminal_width
    assert.equal(33, with({COLUMNS = "33"}, true, terminal.width))
    for _, columns in ipairs {"", "x", "-3", "0"} do
      core.terminal_width = function() return 91 end
      assert.equal(91, with({COLUMNS = columns}, true, terminal.width))
      core.terminal_width = function() return nil end
      assert.equal(80, with({COLUMNS = columns}, true, terminal.width))
    end
    core.terminal_width = before
  end)

  it("tells mistakes in one line, at the caller's", function()
    local function says(message, ...)
      local arguments = table.pack(...)
      local ok, text = pcall(function() terminal.text(table.unpack(arguments, 1, arguments.n)) end)
      assert.is_false(ok)
      assert.is_truthy(text:find "^%S*terminal_spec.lua:%d+: ", text)
      assert.equal(message, (text:gsub("^.-:%d+: ", "")))
    end
    says("show: images are a tensor, not a nil", nil)
    says("show: images are H x W, H x W x C or N x H x W x C with 1, 3 or 4 channels, not 2x2x2", gl.zeros(2, 2, 2))
    says("show: columns is a whole number from 1, not 0", gl.zeros(2, 2), {columns = 0})
    says("show: width is a whole number from 1, not 'x'", gl.zeros(2, 2), {width = "x"})
    says("show: 9 images do not stand side by side in 12 columns", gl.zeros(9, 2, 2, 1), {columns = 9, width = 12})
    says("show: method is blocks, sixel, kitty or plain, not aalib", gl.zeros(2, 2), {method = "aalib"})
  end)
end)

describe("a palette", function()
  it("has the pixels' own colours where there are up to 256", function()
    local pixels = gl.tensor({{255, 0, 0}, {0, 0, 9}, {255, 0, 0}, {1, 2, 3}}, {dtype = "uint8"})
    local places, colors = core.choose_palette(pixels)
    assert.same({{4}, {3, 3}}, {places.shape, colors.shape})
    assert.same(pixels:totable(), colors:float():index_select(places:float() + 1):totable())
    places = core.choose_palette(pixels:slice(1, 1, 4, 2)) -- whose pixels do not lie in a row
    assert.same({0, 0}, places:totable())
  end)

  it("is of bytes in threes", function()
    assert.has_error(function() core.choose_palette(gl.zeros(4, 3)) end)
    assert.has_error(function() core.choose_palette(gl.zeros(4, 4, {dtype = "uint8"})) end)
    assert.has_error(function() core.choose_palette(3) end)
  end)
end)

describe("gl.show", function()
  -- What f prints.
  local function printed(f)
    local out, write = {}, io.write
    io.write = function(...) out[#out + 1] = table.concat {...} end -- luacheck: ignore
    local ok, problem = pcall(f)
    io.write = write -- luacheck: ignore
    return assert(ok, problem) and table.concat(out)
  end

  local function show(thing, options)
    options = options or {}
    options.method, options.width = "plain", 80
    return printed(function() assert.equal(0, select("#", gl.show(thing, options))) end)
  end

  it("prints what terminal.text returns", function()
    local x = gl.rand(2, 4, 4, 1)
    assert.equal(terminal.text(x, {method = "plain", width = 80}) .. "\n", show(x))
  end)

  it("shows the first images of a data set with their classes' names, of a split too", function()
    local set = gl.data.load("faces", {train = 30, test = 3})
    local names = {}
    for i, label in ipairs(set.train.labels:slice(1, 1, 20):totable()) do names[i] = set.classes[label] end
    local wanted = terminal.text(set.train:head(20), {method = "plain", width = 80, labels = names}) .. "\n"
    assert.equal(wanted, show(set))
    assert.equal(wanted, show(set.train))
    names = {table.unpack(names, 1, 4)}
    assert.equal(terminal.text(set.train:head(4), {method = "plain", width = 80, labels = names}) .. "\n",
      show(set, {count = 4}))
    assert.is_truthy(show(set.test, {count = 1, labels = {"mine"}}):find "\nmine\n$")
  end)

  it("shows samples of a model and of its space", function()
    local model = gl.models.cvae {image = {6, 6, 1}, hidden = {8}, latent = 2, classes = 3}
    gl.seed(3)
    local wanted = terminal.text((gl.latent.space(model):sample(4)),
      {method = "plain", width = 80, labels = {"1", "2", "3", "1"}}) .. "\n"
    for _, thing in ipairs {model, gl.latent.space(model)} do
      gl.seed(3)
      assert.equal(wanted, show(thing, {count = 4}))
    end
  end)

  it("names the classes that a run's model was told", function()
    local model = gl.models.cvae {image = {6, 6, 1}, hidden = {8}, latent = 2, classes = 5}
    local faces = {classes = {"black", "brown", "red", "blond", "white"}}
    for _, settings in ipairs {{notes = {options = {data = "faces"}}}, {data = faces}} do
      local space = gl.latent.space(model, settings)
      assert.is_truthy(show(space, {count = 6}):find "\nblack  brown  red    blond  white  black\n")
      assert.equal(settings.data, rawget(space, "kept_data")) -- 22,000 faces were not drawn for that
    end
    local space = gl.latent.space(model, {notes = {options = {data = "/nowhere"}}})
    assert.is_truthy(show(space, {count = 2}):find "\n1      2\n")
  end)

  it("shows no more than 100 images of a tensor, unless told to", function()
    local function lines(text) return select(2, text:gsub("\n", "")) end
    local x = gl.zeros(130, 2, 3, 1)
    assert.equal(5 * 2 - 1, lines(show(x))) -- 20 on a line
    assert.equal(7 * 2 - 1, lines(show(x, {count = 1000})))
  end)

  it("says what it wants", function()
    local ok, message = pcall(function() gl.show(3) end)
    assert.is_false(ok)
    assert.is_truthy(message:find "terminal_spec.lua:%d+: show: expected images, a data set, .*, got number")
    assert.has_error(function() gl.show(gl.zeros(2, 2), {count = 0}) end)
  end)
end)
