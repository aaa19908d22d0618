-- Folders of PNG files as data sets.

local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local maker = require "spec.io.png_maker"

local core = gl.core

-- An 8-bit PNG of one color: grey, {grey, alpha}, {r, g, b} or {r, g, b, alpha}.
local function plain(height, width, color)
  color = type(color) == "table" and color or {color}
  local rows = {}
  for y = 1, height do rows[y] = string.char(table.unpack(color)):rep(width) end
  return maker.png {width = width, height = height, bits = 8, color = ({0, 4, 2, 6})[#color], rows = rows}
end

describe("a folder of images", function()
  local place, store, calls
  before_each(function()
    place, store, calls = Folder.new(), Folder.new(), 0
  end)
  after_each(function()
    place:remove()
    store:remove()
  end)

  local function put(name, bytes)
    local parent = name:match "^(.*)/"
    if parent then assert(core.mkdirs(place:path(parent))) end
    return place:write(name, bytes)
  end

  -- Loads the folder, with the cache in `store`; counts how often something is decoded.
  local function load(options)
    local all = {cache = store.name, progress = function() calls = calls + 1 end}
    for key, value in pairs(options or {}) do all[key] = value end
    local data, message = gl.data.load(place.name, all)
    return data, message
  end

  local function refused(pattern, options)
    local data, message = load(options)
    assert.is_nil(data)
    assert.matches(pattern, message)
    assert.is_nil(message:find("\n"))
  end

  local function mistaken(pattern, options)
    local ok, message = pcall(load, options)
    assert.is_false(ok)
    assert.matches("^[^:]*folder_spec.lua:%d+: data.load: " .. pattern, message)
  end

  -- The first values of all images, training ones first.
  local function firsts(data)
    local list = {}
    for _, split in ipairs {data.train, data.test} do
      for i = 1, split.count do list[#list + 1] = split.images[i]:flatten()[1]:item() end
    end
    return list
  end

  local function sorted(list)
    table.sort(list)
    return list
  end

  describe("is loaded", function()
    it("without classes, hidden and other files left out", function()
      for i = 1, 20 do put(("image%d.%s"):format(i, i % 2 == 0 and "png" or "PNG"), plain(2, 3, i)) end
      put(".hidden.png", "no PNG")
      put("notes.txt", "no PNG")
      put("more/notes.txt", "no PNG")
      local data = assert(load())
      assert.same({{2, 3, 1}, {}, 18, 2}, {data.shape, data.classes, data.train.count, data.test.count})
      assert.is_nil(data.train.labels)
      assert.same({}, data.skipped)
      local all = {}
      for i = 1, 20 do all[i] = i end
      assert.same(all, sorted(firsts(data)))
      assert.equal(place.name:match "[^/]+$", data.name)
      local _, x, labels = data.train:batches {size = 5}()
      assert.same({{5, 2, 3, 1}}, {x.shape, labels})
    end)

    it("with subfolders as classes, in the order of their names", function()
      for i = 1, 12 do put(("%s/%d.png"):format(({"dog", "ant", "cat"})[i % 3 + 1], i), plain(2, 2, 10 * (i % 3))) end
      core.mkdirs(place:path "empty")
      local data = assert(load {test = 3})
      assert.same({"ant", "cat", "dog"}, data.classes)
      assert.same({9, 3}, {data.train.count, data.test.count})
      local value = {ant = 10, cat = 20, dog = 0}
      for _, split in ipairs {data.train, data.test} do
        for i, label in ipairs(split.labels:totable()) do
          assert.equal(value[data.classes[label]], split.images[i]:flatten()[1]:item())
        end
      end
    end)

    it("with folders train and test", function()
      for i = 1, 6 do put(("train/%s/%d.png"):format(i % 2 == 0 and "b" or "a", i), plain(1, 1, i)) end
      for i = 7, 8 do put(("test/b/%d.png"):format(i), plain(1, 1, i)) end
      put("validation/a/9.png", plain(1, 1, 9))
      local data = assert(load())
      assert.same({{"a", "b"}, 6, 2}, {data.classes, data.train.count, data.test.count})
      assert.same({2, 2}, data.test.labels:totable())
      assert.same({7, 8}, sorted(data.test.images:flatten():totable()))
      mistaken("test: .* has a folder of its own for testing", {test = 1})
      put("test/c/1.png", plain(1, 1, 1))
      refused("/test has a class c, .*/train has none")
    end)

    it("in an order and with a test set that depend on the names only", function()
      for i = 1, 30 do put(("%d.png"):format(i), plain(1, 1, i)) end
      local data, other = assert(load()), Folder.new()
      for i = 30, 1, -1 do other:write(("%d.png"):format(i), plain(1, 1, i)) end
      assert.same(firsts(data), firsts(assert(gl.data.load(other.name, {cache = store.name}))))
      assert.not_same(sorted(firsts(data)), firsts(data))
      local half = assert(load {test = 0.5})
      assert.same({15, 15}, {half.train.count, half.test.count})
      assert.same(firsts(data), firsts(half))
      assert.equal(1, calls)
      other:remove()
    end)
  end)

  describe("brings images to one form:", function()
    -- Two images of this file, read in a form: the pixels of one.
    local function pixels(bytes, options)
      put("a.png", bytes)
      put("b.png", bytes)
      local data, message = load(options)
      assert(data, message)
      assert.same(data.train.images:totable(), data.test.images:totable())
      return data.train.images[1]:totable()
    end

    it("every color type and depth, interlaced or not", function()
      local palette = maker.chunk("PLTE", "\0\0\0" .. "\250\10\20" .. ("\0"):rep(6))
      -- The rows of a 1 x 2 image (two pixels: black, then a value) in each kind, and its grey and RGB.
      local kinds = {
        {bits = 1, color = 0, row = "\x40", rgb = {255, 255, 255}},
        {bits = 2, color = 0, row = "\x20", rgb = {170, 170, 170}},
        {bits = 4, color = 0, row = "\x07", rgb = {119, 119, 119}},
        {bits = 8, color = 0, row = "\0\200", rgb = {200, 200, 200}},
        {bits = 16, color = 0, row = "\0\0\200\200", rgb = {200, 200, 200}},
        {bits = 8, color = 2, row = "\0\0\0\250\10\20", rgb = {250, 10, 20}},
        {bits = 16, color = 2, row = "\0\0\0\0\0\0\250\250\10\10\20\20", rgb = {250, 10, 20}},
        {bits = 1, color = 3, row = "\x40", rgb = {250, 10, 20}, extra = palette},
        {bits = 2, color = 3, row = "\x10", rgb = {250, 10, 20}, extra = palette},
        {bits = 4, color = 3, row = "\x01", rgb = {250, 10, 20}, extra = palette},
        {bits = 8, color = 3, row = "\0\1", rgb = {250, 10, 20}, extra = palette},
        {bits = 8, color = 4, row = "\0\255\200\255", rgb = {200, 200, 200}},
        {bits = 16, color = 4, row = "\0\0\255\255\200\200\255\255", rgb = {200, 200, 200}},
        {bits = 8, color = 6, row = "\0\0\0\255\250\10\20\255", rgb = {250, 10, 20}},
        {bits = 16, color = 6, row = "\0\0\0\0\0\0\255\255\250\250\10\10\20\20\255\255", rgb = {250, 10, 20}},
      }
      for _, kind in ipairs(kinds) do
        local row = kind.row
        local per_pixel = #row // 2
        -- Interlaced, a pixel of 1 x 2 is in pass 1 and one in pass 6.
        local first, second = row:sub(1, per_pixel), row:sub(per_pixel + 1)
        if per_pixel == 0 then
          first, second = "\0", string.char((row:byte() << kind.bits) & 255)
        end
        for _, interlaced in ipairs {false, true} do
          local bytes = maker.png {
            width = 2, height = 1, bits = kind.bits, color = kind.color, extra = kind.extra, interlaced = interlaced,
            rows = interlaced and {first, second} or {row},
          }
          local r, g, b = table.unpack(kind.rgb)
          assert.same({{{0, 0, 0}, {r, g, b}}}, pixels(bytes, {channels = 3}))
          local luma = (0.299 * r + 0.587 * g + 0.114 * b + 0.5) // 1
          assert.same({{{0}, {math.tointeger(luma)}}}, pixels(bytes, {channels = 1}))
        end
      end
    end)

    it("what is transparent shows the background", function()
      local bytes = maker.png {width = 3, height = 1, bits = 8, color = 4, rows = {"\100\0\100\255\100\51"}}
      assert.same({{{255}, {100}, {224}}}, pixels(bytes)) -- white; 100 * 0.2 + 255 * 0.8
      assert.same({{{0}, {100}, {20}}}, pixels(bytes, {background = 0}))
      assert.same({{{128}, {100}, {122}}}, pixels(bytes, {background = 0.5}))
      bytes = maker.png {width = 2, height = 1, bits = 8, color = 6, rows = {"\1\2\3\0\0\100\200\102"}}
      assert.same({{{0, 0, 0}, {0, 40, 80}}}, pixels(bytes, {background = 0}))
    end)

    it("smaller by averaging areas", function()
      local rows = {"\0\10\20\30", "\40\50\60\70", "\255\255\0\0", "\255\255\0\1"}
      local bytes = maker.png {width = 4, height = 4, bits = 8, color = 0, rows = rows}
      assert.same({{{25}, {45}}, {{255}, {0}}}, pixels(bytes, {size = 2}))
      -- 3 pixels to 2: one and a half each
      bytes = maker.png {width = 3, height = 1, bits = 8, color = 0, rows = {"\0\90\255"}}
      assert.same({{{30}, {200}}}, pixels(bytes, {size = {1, 2}, fit = "stretch"}))
      for _, side in ipairs {1, 3, 7, 64, 99} do
        assert.same({{{77, 78, 79}}}, pixels(plain(side, side, {77, 78, 79}), {size = 1}))
      end
    end)

    it("larger by linear interpolation", function()
      local bytes = maker.png {width = 2, height = 1, bits = 8, color = 0, rows = {"\0\100"}}
      assert.same({{{0}, {25}, {75}, {100}}}, pixels(bytes, {size = {1, 4}, fit = "stretch"}))
      assert.same({{{0}, {100}}, {{0}, {100}}}, pixels(bytes, {size = {2, 2}, fit = "stretch"}))
      bytes = maker.png {width = 1, height = 1, bits = 8, color = 2, rows = {"\1\2\3"}}
      assert.same({{{1, 2, 3}, {1, 2, 3}}, {{1, 2, 3}, {1, 2, 3}}}, pixels(bytes, {size = 2}))
    end)

    it("cropped around the middle", function()
      local bytes = maker.png {width = 6, height = 2, bits = 8, color = 0, rows = {"\1\2\3\4\5\6", "\1\2\3\4\5\6"}}
      assert.same({{{3}, {4}}, {{3}, {4}}}, pixels(bytes, {size = 2}))
      assert.same({{{3}, {4}}, {{3}, {4}}}, pixels(bytes, {size = {2, 2}, fit = "crop"}))
      assert.same({{{2}, {5}}, {{2}, {5}}}, pixels(bytes, {size = 2, fit = "stretch"}))
      bytes = maker.png {width = 1, height = 5, bits = 8, color = 0, rows = {"\1", "\2", "\9", "\4", "\5"}}
      assert.same({{{9}}}, pixels(bytes, {size = 1}))
      assert.same({{{2}}, {{9}}, {{4}}}, pixels(bytes, {size = {3, 1}}))
    end)

    it("mixed ones", function()
      put("a.png", plain(3, 9, 10))
      put("b.png", plain(40, 20, {10, 10, 10}))
      put("c.png", plain(8, 8, {10, 10, 10, 255}))
      put("d.png", plain(1, 1, {10, 255}))
      local data = assert(load {size = {8, 6}, channels = 3})
      assert.same({8, 6, 3}, data.shape)
      assert.equal(10, data.train.images:float():mean():item())
      assert.equal(10, data.test.images:float():mean():item())
    end)
  end)

  describe("refuses", function()
    it("images of different sizes, where no size was asked for", function()
      put("a.png", plain(2, 3, 1))
      put("b.png", plain(4, 5, 1))
      local _, message = load()
      local a, b = place:path "a.png is 2x3", place:path "b.png is 4x5"
      assert.is_truthy(message:find(a, 1, true) and message:find(b, 1, true), message)
      assert.matches("^the images differ in size: .*: say which size they are to get, such as size = [24]$", message)
      refused("/a.png is 2x3, not 4x5, and fit = 'none'$", {size = {4, 5}, fit = "none"})
      assert.equal("", store:list())
    end)

    it("grey beside color, where no number of channels was asked for", function()
      put("a.png", plain(2, 2, 1))
      put("b.png", plain(2, 2, {1, 1, 1}))
      local _, message = load()
      assert.matches("/[ab].png is [%a ]+, .*/[ab].png is [%a ]+: say channels = 1 or channels = 3$", message)
      assert.matches("/a.png is grey.*", message)
      assert.matches("/b.png is in color.*", message)
    end)

    it("a broken file, naming it", function()
      for i = 1, 9 do put(i .. ".png", plain(2, 2, i)) end
      put("x.png", plain(2, 2, 5):sub(1, 50))
      refused("/x.png: truncated: at least %d+ bytes expected, 50 came$")
      refused("/x.png: truncated: at least %d+ bytes expected, 50 came$", {size = 4, channels = 1})
      assert.equal("", store:list())
    end)

    it("folders that cannot be data sets", function()
      refused(": there are no images in it: PNG files, also in subfolders, IDX files .*$")
      put("a.png", plain(2, 2, 1))
      refused("of 1 images, 0 are for training and 1 for testing: at least one each is wanted$")
      put("sub/b.png", plain(2, 2, 1))
      refused("has images %(a.png%) beside subfolders with images %(sub%)")
      os.remove(place:path "a.png")
      put("sub/c.png", plain(2, 2, 1))
      refused("of 2 images, 0 are for training and 2 for testing", {test = 2})
      assert(load {test = 1})
      put("train/a.png", plain(2, 2, 1))
      put("test/a/a.png", plain(2, 2, 1))
      refused("/test has classes, .*/train has none$")
      put("test/a/b.txt", "")
      os.remove(place:path "test/a/a.png")
      refused("/test: there are no images in it")
    end)

    it("a cache that cannot be written", function()
      for i = 1, 2 do put(i .. ".png", plain(2, 2, i)) end
      refused("/dev/null: cannot make this folder", {cache = "/dev/null"})
    end)

    it("options that make no sense", function()
      put("a.png", plain(2, 2, 1))
      mistaken("there is no option 'sizes'; there are background, .*; did you mean 'size'%?", {sizes = 3})
      for _, size in ipairs {0, 2.5, "x", {1}, {1, 0}} do
        mistaken("size is a whole number from 1, or {height, width}", {size = size})
      end
      mistaken("channels is 1 or 3, not 4", {channels = 4})
      mistaken("fit is crop, stretch or none, not 3", {fit = 3})
      mistaken("fit = 'crop' needs a size to fit to", {fit = "crop"})
      mistaken("broken is fail or skip, not nothing", {broken = "nothing"})
      mistaken("background is a number from 0 %(black%) to 1 %(white%), not 255", {background = 255})
      for _, test in ipairs {0, 1.0, -1, "x"} do mistaken("test is a number of images or a share", {test = test}) end
      mistaken("cache is a text, not true", {cache = true})
      mistaken("progress is a function, not 1", {progress = 1})
    end)
  end)

  describe("with broken files to be skipped", function()
    it("lists them, and is the same without decoding again", function()
      for i = 1, 20 do put(("%s/%d.png"):format(i % 2 == 0 and "even" or "odd", i), plain(2, 2, i)) end
      put("odd/broken.png", "no PNG")
      put("even/empty.png", "")
      os.execute(("ln -s nowhere '%s'"):format(place:path "even/link.png"))
      for round = 1, 2 do
        local data = assert(load {broken = "skip"})
        assert.equal(20, data.train.count + data.test.count)
        assert.equal(3, #data.skipped)
        local text = table.concat(data.skipped, "\n")
        assert.matches("/odd/broken.png: truncated: at least 8 bytes expected, 6 came", text)
        assert.matches("/even/empty.png: truncated: at least 8 bytes expected, 0 came", text)
        assert.matches("/even/link.png: cannot be opened: No such file or directory", text)
        for _, split in ipairs {data.train, data.test} do
          for i, label in ipairs(split.labels:totable()) do
            assert.equal(split.images[{i, 1, 1, 1}]:item() % 2 + 1, label)
          end
        end
        assert.same({1, round}, {calls, round})
      end
      refused("/%a+.png: ", {broken = "fail"})
    end)

    it("counts those for training and testing apart", function()
      for i = 1, 4 do put("train/" .. i .. ".png", plain(1, 1, i)) end
      for i = 5, 7 do put("test/" .. i .. ".png", plain(1, 1, i)) end
      put("train/x.png", "no")
      put("test/x.png", "no")
      put("test/y.png", "no")
      local data = assert(load {broken = "skip"})
      assert.same({4, 3, 3}, {data.train.count, data.test.count, #data.skipped})
      assert.same({1, 2, 3, 4}, sorted(data.train.images:flatten():totable()))
    end)

    it("says so when none is good", function()
      put("a.png", "no")
      refused("no image can be read; the first: .*/a.png: truncated", {broken = "skip"})
      refused("no image can be read; the first: .*/a.png: truncated", {broken = "skip", size = 2, channels = 1})
      assert.equal("", store:list())
    end)
  end)

  describe("is kept decoded", function()
    before_each(function()
      for i = 1, 10 do put(i .. ".png", plain(3, 3, i)) end
    end)

    -- How many times the folder was decoded for this.
    local function decoded(options)
      local before = calls
      assert(load(options))
      return calls - before
    end

    it("in one file for the folder and the form, until something changes", function()
      assert.same({1, 0}, {decoded(), decoded()})
      assert.same({1, 0, 0}, {decoded {size = 2}, decoded {size = 2}, decoded()})
      local first, files = store:list(), 0
      for name in first:gmatch "%S+" do
        files = files + 1
        assert.matches("^" .. place.name:match "[^/]+$" .. "%-%x+$", name)
      end
      assert.equal(2, files)
      put("1.png", plain(3, 3, 99))
      assert.same({1, 0, 1}, {decoded(), decoded(), decoded {size = 2}})
      assert.same({2, 3, 4, 5, 6, 7, 8, 9, 10, 99}, sorted(firsts(load())))
      put("11.png", plain(3, 3, 11))
      assert.same({1, 0}, {decoded(), decoded()})
      os.remove(place:path "2.png")
      assert.same({1, 0}, {decoded(), decoded()})
      os.rename(place:path "3.png", place:path "33.png")
      assert.same({1, 0}, {decoded(), decoded()})
      os.execute(("touch -d 2001-02-03 '%s'"):format(place:path "4.png"))
      assert.same({1, 0}, {decoded(), decoded()})
      assert.equal(first, store:list())
    end)

    it("and made anew when that file is damaged", function()
      load()
      local name = store:list()
      local good = store:read(name)
      local function anew(bytes)
        store:write(name, bytes)
        assert.equal(1, decoded())
        assert.is_true(good == store:read(name))
        assert.equal(name, store:list())
      end
      for n = 0, #good - 1, 7 do anew(good:sub(1, n)) end
      anew(good:sub(2))
      anew(good .. "\0")
      anew(("\0"):rep(#good))
      for i = 91, #good do anew(good:sub(1, i - 1) .. string.char(good:byte(i) ~ 1) .. good:sub(i + 1)) end
      -- An index whose hash is right and whose sizes are not.
      local function forged(index)
        local text = good:sub(91, -33):gsub('"%w+":%d+', index)
        anew(good:sub(1, 90) .. text .. string.pack("<c16i8i8", "genlat images 1\n", #text, core.hash(text)))
      end
      forged {['"count":10'] = '"count":11'}
      forged {['"count":10'] = '"count":-10'}
      forged {['"count":10'] = '"count":1e300'}
      forged {['"height":3'] = '"height":"3"'}
      forged {['"height":3'] = '"height":9', ['"width":3'] = '"width":1', ['"channels":1'] = '"channels":1.5'}
      forged {['"channels":1'] = '"channels":9', ['"width":3'] = '"width":1', ['"height":3'] = '"height":1'}
    end)

    it("while it is in use, and another one takes its place", function()
      local data = assert(load())
      local before = firsts(data)
      put("1.png", plain(3, 3, 99))
      assert(load())
      assert.same(before, firsts(data))
    end)

    -- Calls f in an environment with other variables; false: unset.
    local function with_variables(variables, f)
      local before = os.getenv
      finally(function() rawset(os, "getenv", before) end)
      rawset(os, "getenv", function(name)
        if variables[name] ~= nil then return variables[name] or nil end
        return before(name)
      end)
      f()
      rawset(os, "getenv", before)
    end

    it("in memory where the cache cannot be written, and says what moves it", function()
      local kept = assert(load {test = 3})
      with_variables({XDG_CACHE_HOME = false, HOME = "/dev/null"}, function()
        local set = assert(gl.data.load(place.name, {test = 3}))
        assert.same(firsts(kept), firsts(set))
        assert.equal(gl.data.fingerprint(kept), gl.data.fingerprint(set))
        assert.equal(set.name .. ": 0 MB of images are kept in memory, and decoded each time: /dev/null: cannot make "
          .. "this folder: a file is in its place (decoded images are kept there; the environment variable "
          .. "XDG_CACHE_HOME=FOLDER moves it)", set.notes[1])
        put("x.png", "broken")
        set = assert(gl.data.load(place.name, {broken = "skip"}))
        assert.same({10, 2}, {set.train.count + set.test.count, #set.notes})
      end)
      with_variables({XDG_CACHE_HOME = false, HOME = "/proc"}, function()
        assert.matches("/proc/.cache: cannot make this folder",
          assert(gl.data.load(place.name, {broken = "skip"})).notes[2])
      end)
      with_variables({XDG_CACHE_HOME = "", HOME = false}, function()
        assert.matches("^/.*/.cache/genlat/images$", require("genlat.data.fetch").folder "images")
      end)
      local index, message = require("genlat.data.cache").memory({height = 1 << 16, width = 1 << 16, channels = 3},
        1 << 24, "it is read-only")
      assert.is_nil(index)
      assert.matches("^it is read%-only: and %d+ MB of images are too many to keep them in memory$", message)
    end)

    it("or not at all on a full disk", function()
      for i = 1, 40 do put(i .. ".png", plain(30, 30, i)) end
      local output = place:with_full_disk(16, ("print(gl.data.load(%q, {cache = %q}))"):format(place.name, store.name))
      assert.matches("^nil\t" .. store.name .. "/%S+: cannot be written: File too large\n$", output)
      assert.equal("", store:list())
    end)

    it("whole or not at all when any one allocation fails, and no memory is lost", function()
      local threads, failed = gl.threads(), 0
      finally(function() gl.threads(threads) end)
      gl.threads(1)
      local live
      for n = 0, 60 do
        collectgarbage()
        collectgarbage()
        live = live or gl.memory().live
        assert.equal(live, gl.memory().live)
        os.execute(("rm -f '%s'/*"):format(store.name))
        core.memory_fail_after(n)
        local ok, data, message = pcall(load, {broken = "skip"})
        core.memory_fail_after(-1)
        if ok and data then -- it was not needed, or there was another way
          assert.same({10, 0}, {data.train.count + data.test.count, #data.skipped})
        else
          failed = failed + 1
          assert.matches("memory", ok and message or data)
        end
        assert.is_nil(store:list():find(".tmp", 1, true))
      end
      assert.is_true(failed > 25)
    end)
  end)

  it("is read by all threads to the same result", function()
    gl.seed(3)
    for i = 1, 150 do
      assert(core.write_png(place:path(i .. ".png"), gl.rand(5 + i % 7, 9, 3)))
      if i % 10 == 0 then put(i .. "x.png", "broken") end
    end
    local threads = gl.threads()
    finally(function() gl.threads(threads) end)
    local results = {}
    for i, n in ipairs {1, 2, 5} do
      gl.threads(n)
      local data = assert(load {size = 6, broken = "skip", cache = store:path(tostring(n))})
      results[i] = {data.train.images:totable(), data.test.images:totable(), data.skipped}
    end
    assert.same(results[1], results[2])
    assert.same(results[1], results[3])
    assert.equal(15, #results[1][3])
  end)
end)
