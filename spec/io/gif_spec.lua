-- GIF animations: their structure, read byte by byte here, and their pixels, unpacked here.

local gl = require "genlat"
local folder = require "spec.io.folder"

local write_gif = gl.write_gif

-- The pixels (indices from 0) of LZW data, as the GIF89a specification, appendix F, has it.
local function unpack_lzw(bits, data)
  local clear, position, pixels = 1 << bits, 0, {}
  local width, entries, previous = bits + 1, nil, nil
  local function code()
    local value = 0
    for i = 0, width - 1 do
      local byte = data:byte(position // 8 + 1) or error("the data end without an end code")
      value = value | (byte >> position % 8 & 1) << i
      position = position + 1
    end
    return value
  end
  while true do
    local c = code()
    if c == clear then
      width, entries, previous = bits + 1, {}, nil
      for i = 0, clear - 1 do entries[i] = {i} end
      entries[clear], entries[clear + 1] = {}, {}
    elseif c == clear + 1 then
      return pixels
    else
      local entry = entries[c]
      if previous and #entries < 4095 then
        local new = {table.unpack(previous)}
        new[#new + 1] = entry and entry[1] or previous[1]
        entries[#entries + 1] = new
        if #entries + 1 == 1 << width and width < 12 then width = width + 1 end
        entry = entry or new
      end
      table.move(assert(entry, "a code that is not there yet"), 1, #entry, #pixels + 1, pixels)
      previous = entry
    end
  end
end

-- Parses a whole file: {version, width, height, palette, loops, frames = {{delay, palette, pixels}}}. Palettes are
-- strings of 3 bytes a color.
local function parse(bytes)
  local at = 1
  local function take(format)
    local values = table.pack(string.unpack("<" .. format, bytes, at))
    at = values[values.n]
    return table.unpack(values, 1, values.n - 1)
  end
  local function palette(flags) return flags & 0x80 ~= 0 and take("c" .. 3 * (2 << (flags & 7))) or nil end
  local function blocks()
    local list = {}
    while true do
      local block = take "s1"
      if block == "" then return table.concat(list) end
      list[#list + 1] = block
    end
  end
  local gif = {frames = {}}
  local flags, delay
  gif.version, gif.width, gif.height, flags = take "c6I2I2B"
  take "I2"
  gif.palette = palette(flags)
  while true do
    local kind = take "c1"
    if kind == ";" then
      assert(at == #bytes + 1, "something comes after the end")
      return gif
    elseif kind == "!" then
      local label, data = take "B", blocks()
      if label == 0xFF then
        assert(data:sub(1, 11) == "NETSCAPE2.0" and data:byte(12) == 1)
        gif.loops = ("<I2"):unpack(data, 13)
      elseif label == 0xF9 then
        delay = ("<I2"):unpack(data, 2)
      end
    else
      assert(kind == ",")
      local x, y, width, height, own = take "I2I2I2I2B"
      assert(x == 0 and y == 0 and width == gif.width and height == gif.height)
      local frame = {delay = delay, palette = palette(own)}
      frame.pixels = unpack_lzw(take "B", blocks())
      gif.frames[#gif.frames + 1] = frame
    end
  end
end

describe("GIF", function()
  local place
  setup(function() place = folder.new() end)
  teardown(function() place:remove() end)

  local function written(frames, options)
    assert(write_gif(place:path "a.gif", frames, options))
    return parse(place:read "a.gif")
  end

  -- A frame's pixels as colors.
  local function colors(gif, i)
    local frame, list = gif.frames[i], {}
    for k, index in ipairs(frame.pixels) do
      list[k] = {(frame.palette or gif.palette):byte(3 * index + 1, 3 * index + 3)}
    end
    return list
  end

  it("of grey frames keeps every grey, shows each for the delay, and begins anew for ever", function()
    local frames = gl.arange(0, 255, 1):reshape(1, 16, 16)
    frames = gl.cat({frames, 255 - frames, frames:transpose(2, 3)}):byte()
    local gif = written(frames, {delay = 7})
    assert.same({"GIF89a", 16, 16, 0, 3}, {gif.version, gif.width, gif.height, gif.loops, #gif.frames})
    for i, frame in ipairs(gif.frames) do
      assert.equal(7, frame.delay)
      assert.is_nil(frame.palette)
      local expected = frames[i]:flatten():totable()
      for k, color in ipairs(colors(gif, i)) do assert.same({expected[k], expected[k], expected[k]}, color) end
    end
  end)

  it("takes N x H x W x 1 and floats, which are rounded and clamped", function()
    local gif = written(gl.tensor({0, 1, 0.5, -3, 7, 0 / 0}):reshape(1, 2, 3, 1))
    local greys = {}
    for i, color in ipairs(colors(gif, 1)) do greys[i] = color[1] end
    assert.same({3, 2, {0, 255, 128, 0, 255, 0}, 10}, {gif.width, gif.height, greys, gif.frames[1].delay})
  end)

  it("of color frames has a palette for each, exact up to 256 colors", function()
    local frames = gl.cat {
      gl.tensor {{{{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {1, 2, 3}}}},
      gl.tensor {{{{9, 9, 9}, {9, 9, 9}, {9, 9, 9}, {9, 9, 9}}}},
    }:byte()
    local gif = written(frames)
    assert.is_nil(gif.palette)
    for i = 1, 2 do assert.same(frames[i]:totable()[1], colors(gif, i)) end
    local list = {}
    for i = 1, 256 do list[i] = {i * 7 % 256, i * 31 % 256, i * 3 % 256} end
    gif = written(gl.tensor {{list}}:byte())
    assert.same(list, colors(gif, 1))
  end)

  it("of many colors is near to each of them", function()
    local n = 64
    local x, y = gl.linspace(0, 1, n):reshape(1, 1, n, 1), gl.linspace(0, 1, n):reshape(1, n, 1, 1)
    local zero = gl.zeros(1, n, n, 1)
    local frames = gl.cat({x + zero, y + zero, (x + y) / 2}, -1)
    local gif = written(frames)
    local expected, sum = (frames * 255):flatten():totable(), 0
    for i, color in ipairs(colors(gif, 1)) do
      for c = 1, 3 do sum = sum + (color[c] - expected[3 * i - 3 + c]) ^ 2 end
    end
    local rms = math.sqrt(sum / (3 * n * n)) -- 256 cells of a plane of 2 x 2 sides: 8 x 8 pixels, about +-8 of 255
    assert.is_true(rms < 6, rms)
  end)

  it("is larger than a full table of codes", function()
    gl.seed(1)
    local frames = gl.rand(2, 150, 150):mul(255):byte()
    local gif = written(frames)
    for i = 1, 2 do
      local expected = frames[i]:flatten():totable()
      assert.equal(#expected, #gif.frames[i].pixels)
      local same = true
      for k, color in ipairs(colors(gif, i)) do same = same and color[1] == expected[k] end
      assert.is_true(same)
    end
  end)

  it("is the same file for the same frames", function()
    local frames = gl.rand(2, 20, 20, 3)
    written(frames)
    local first = place:read "a.gif"
    written(frames)
    assert.equal(first, place:read "a.gif")
  end)

  it("raises for what is no animation", function()
    local path = place:path "b.gif"
    assert.has_error(function() write_gif(path, gl.zeros(3, 3)) end,
                     "write_gif: frames are NxHxW, or NxHxWxC with 1 or 3 channels, this tensor is 3x3")
    assert.error_matches(function() write_gif(path, gl.zeros(1, 3, 3, 2)) end, "this tensor is 1x3x3x2")
    assert.error_matches(function() write_gif(path, gl.zeros(1, 3, 3), {seconds = 1}) end,
      "write_gif: there is no option 'seconds'; there is delay")
    assert.error_matches(function() write_gif(path, gl.zeros(1, 3, 3), {delay = "5"}) end, "delay is a whole number")
    assert.error_matches(function() write_gif(path, gl.zeros(1, 1, 65536)) end, "sides of at most 65535")
    for _, delay in ipairs {0, 65536, 1.5, "x"} do
      assert.error_matches(function() write_gif(path, gl.zeros(1, 2, 2), {delay = delay}) end,
                           "delay is a whole number of hundredths of a second, 1 to 65535")
    end
    assert.is_nil(gl.core.file_kind(path))
    assert(write_gif(path, gl.zeros(1, 3, 3), {delay = 5.0}))
  end)

  it("says why it cannot be written, and leaves the old file", function()
    local _, message = write_gif(place:path "none/a.gif", gl.zeros(1, 2, 2))
    assert.equal(place:path "none/a.gif" .. ": cannot be written: its folder does not exist", message)
    local full = folder.new()
    full:write("x.gif", "old")
    for _, shape in ipairs {"3, 200, 200", "2, 100, 100, 3"} do
      local output = full:with_full_disk(4, ("print(gl.write_gif(%q, gl.rand(%s)))"):format(full:path "x.gif", shape))
      assert.equal(("nil\t%s: cannot be written: File too large\n"):format(full:path "x.gif"), output)
      assert.same({"old", "x.gif"}, {full:read "x.gif", full:list()})
    end
    full:remove()
  end)
end)
