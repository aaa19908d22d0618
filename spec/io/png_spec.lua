-- PNG images: what is written comes back, every kind of file is read, and damaged ones are refused.

local gl = require "genlat"
local folder = require "spec.io.folder"
local maker = require "spec.io.png_maker"

local read_png, write_png = gl.core.read_png, gl.core.write_png

describe("PNG", function()
  local place
  setup(function() place = folder.new() end)
  teardown(function() place:remove() end)

  local function read_bytes(bytes) return read_png(place:write("x.png", bytes)) end

  local function refused(pattern, bytes)
    local image, message = read_bytes(bytes)
    assert.is_nil(image)
    assert.matches(pattern, message)
    assert.equal(place:path("x.png") .. ": ", message:sub(1, #place:path("x.png") + 2))
  end

  describe("writing and reading again", function()
    local path
    before_each(function() path = place:path("image.png") end)

    it("keeps bytes, for 1 to 4 channels", function()
      for channels = 1, 4 do
        local pixels, value = {}, 0
        for y = 1, 3 do
          pixels[y] = {}
          for x = 1, 5 do
            pixels[y][x] = {}
            for c = 1, channels do
              value = (value + 37) % 256
              pixels[y][x][c] = value
            end
          end
        end
        assert.is_true(write_png(path, gl.tensor(pixels):byte()))
        local image = read_png(path)
        assert.same({ 3, 5, channels }, image.shape)
        assert.equal("uint8", image.dtype)
        assert.same(pixels, image:totable())
      end
    end)

    it("takes H x W as grey", function()
      assert.is_true(write_png(path, gl.tensor { { 0, 128, 255 }, { 1, 2, 3 } }:byte()))
      assert.same({ { { 0 }, { 128 }, { 255 } }, { { 1 }, { 2 }, { 3 } } }, read_png(path):totable())
    end)

    it("rounds floats of 0 to 1 and clamps others", function()
      local image = gl.tensor { { 0, 1, 0.5, -3, 7, 1 / 0, -1 / 0, 0 / 0, 100.4 / 255, 100.6 / 255 } }
      assert.is_true(write_png(path, image))
      assert.same({ { { 0 }, { 255 }, { 128 }, { 0 }, { 255 }, { 255 }, { 0 }, { 0 }, { 100 }, { 101 } } },
                  read_png(path):totable())
    end)

    it("takes views as they look", function()
      local image = gl.tensor { { 0, 1, 2 }, { 3, 4, 5 } }:byte():transpose(1, 2)
      assert.is_true(write_png(path, image))
      assert.same({ { { 0 }, { 3 } }, { { 1 }, { 4 } }, { { 2 }, { 5 } } }, read_png(path):totable())
    end)

    it("makes the same file from the same image", function()
      write_png(path, gl.tensor { { 0.25, 0.75 } })
      local first = place:read("image.png")
      write_png(path, gl.tensor { { 0.25, 0.75 } })
      assert.equal(first, place:read("image.png"))
    end)
  end)

  describe("a wrong argument", function()
    it("raises and says what was expected", function()
      assert.has_error(function() write_png(place:path("y.png"), gl.zeros(3)) end,
                       "write_png: an image is HxW or HxWxC with 1 to 4 channels, this tensor is 3")
      assert.error_matches(function() write_png(place:path("y.png"), gl.zeros(2, 2, 5)) end, "this tensor is 2x2x5")
      assert.error_matches(function() write_png(place:path("y.png"), gl.zeros(1, 1000001)) end, "1 to 1000000")
      assert.has_error(function() write_png(place:path("y.png"), "image") end)
      assert.has_error(function() write_png("a\0b", gl.zeros(2, 2)) end)
      assert.has_error(function() read_png "" end)
      assert.has_error(function() read_png() end)
      assert.is_nil(gl.core.file_kind(place:path("y.png")))
    end)
  end)

  describe("a disk that fails", function()
    it("gives nil and a message", function()
      local ok, message = write_png(place:path("none/x.png"), gl.zeros(2, 2))
      assert.is_nil(ok)
      assert.equal(place:path("none/x.png") .. ": cannot be written: its folder does not exist", message)
      ok, message = write_png(place.name, gl.zeros(2, 2))
      assert.is_nil(ok)
      assert.matches("it is a folder", message)
    end)

    it("leaves the old file and nothing else when it is full", function()
      local full = folder.new()
      full:write("x.png", "old")
      local output = full:with_full_disk(4, ("print(gl.core.write_png(%q, gl.rand(256, 256)))")
        :format(full:path "x.png"))
      assert.equal(("nil\t%s: cannot be written: File too large\n"):format(full:path "x.png"), output)
      assert.equal("old", full:read("x.png"))
      assert.equal("x.png", full:list())
      full:remove()
    end)
  end)

  describe("reading", function()
    local function image(o)
      local tensor, message = read_bytes(maker.png(o))
      assert(tensor, message)
      return tensor:totable()
    end

    it("expands grey of 1, 2 and 4 bits to the whole range", function()
      assert.same({ { { 255 }, { 0 }, { 255 } } },
                  image { width = 3, height = 1, bits = 1, color = 0, rows = { "\xA0" } })
      assert.same({ { { 0 }, { 85 }, { 170 }, { 255 } } },
                  image { width = 4, height = 1, bits = 2, color = 0, rows = { "\x1B" } })
      assert.same({ { { 17 }, { 255 } } }, image { width = 2, height = 1, bits = 4, color = 0, rows = { "\x1F" } })
    end)

    it("reduces 16 bits to 8, to the nearest", function()
      assert.same({ { { 255 }, { 0 }, { 1 }, { 128 } } },
                  image { width = 4, height = 1, bits = 16, color = 0, rows = { "\xFF\xFF\0\x7F\0\x82\x80\x80" } })
      assert.same({ { { 1, 2, 3, 255 } } },
                  image { width = 1, height = 1, bits = 16, color = 6, rows = { "\1\1\2\2\3\3\xFF\xFF" } })
      assert.same({ { { 7, 9 } } }, image { width = 1, height = 1, bits = 16, color = 4, rows = { "\7\7\9\9" } })
    end)

    it("looks palettes up, with and without transparency", function()
      local palette = maker.chunk("PLTE", "\10\11\12\20\21\22")
      local o = { width = 2, height = 1, bits = 1, color = 3, rows = { "\x40" }, extra = palette }
      assert.same({ { { 10, 11, 12 }, { 20, 21, 22 } } }, image(o))
      o.extra = palette .. maker.chunk("tRNS", "\99")
      assert.same({ { { 10, 11, 12, 99 }, { 20, 21, 22, 255 } } }, image(o))
    end)

    it("turns a transparent color into alpha", function()
      assert.same({ { { 5, 0 }, { 6, 255 } } },
                  image { width = 2, height = 1, bits = 8, color = 0, rows = { "\5\6" },
                          extra = maker.chunk("tRNS", "\0\5") })
      assert.same({ { { 1, 2, 3, 0 }, { 1, 2, 4, 255 } } },
                  image { width = 2, height = 1, bits = 8, color = 2, rows = { "\1\2\3\1\2\4" },
                          extra = maker.chunk("tRNS", "\0\1\0\2\0\3") })
    end)

    it("puts interlaced images together", function()
      -- Of 3 x 3 pixels, passes 1, 4 and 5 hold a row each, pass 6 two, pass 7 one, and 2 and 3 none.
      local rows = { "\1", "\3", "\7\9", "\2", "\8", "\4\5\6" }
      assert.same({ { { 1 }, { 2 }, { 3 } }, { { 4 }, { 5 }, { 6 } }, { { 7 }, { 8 }, { 9 } } },
                  image { width = 3, height = 3, bits = 8, color = 0, interlaced = true, rows = rows })
    end)

    it("passes over text and other chunks that it has no use for", function()
      local extra = maker.chunk("tEXt", "Comment\0" .. ("x"):rep(1000)) .. maker.chunk("gAMA", "\0\0\xB1\x8F")
        .. maker.chunk("zTXt", "broken") .. maker.chunk("abCd", "private")
      assert.same({ { { 9 } } }, image { width = 1, height = 1, bits = 8, color = 0, rows = { "\9" }, extra = extra })
    end)
  end)

  describe("a damaged file", function()
    local good = maker.png { width = 2, height = 2, bits = 8, color = 2, rows = { "\1\2\3\4\5\6", "\7\8\9\10\11\12" } }

    it("that is missing, a folder or no PNG is refused", function()
      local image, message = read_png(place:path("missing.png"))
      assert.is_nil(image)
      assert.equal(place:path("missing.png") .. ": cannot be opened: No such file or directory", message)
      image, message = read_png(place.name)
      assert.is_nil(image)
      assert.equal(place.name .. ": is a folder, not a file", message)
      refused("libpng: Not a PNG file", "GIF89a" .. ("\0"):rep(100))
      refused("truncated", "")
    end)

    it("that was cut anywhere is refused", function()
      assert.is_truthy(read_bytes(good))
      for n = 1, #good - 1 do refused("truncated", good:sub(1, n)) end
    end)

    -- Every kind of chunk: those that libpng needs, transparency, those that it knows and those that it does not.
    local full = maker.png {
      width = 2, height = 1, bits = 8, color = 3, rows = { "\0\1" },
      extra = maker.chunk("gAMA", string.pack(">I4", 45455)) .. maker.chunk("PLTE", "\1\2\3\4\5\6")
        .. maker.chunk("tRNS", "\0\200") .. maker.chunk("tEXt", "Title\0none") .. maker.chunk("prVt", "own"),
    }

    it("with any changed byte is refused", function()
      for _, whole in ipairs { good, full } do
        assert.is_truthy(read_bytes(whole))
        for i = 1, #whole do
          for _, change in ipairs { 0x01, 0x20, 0x55 } do
            refused(".", whole:sub(1, i - 1) .. string.char(whole:byte(i) ~ change) .. whole:sub(i + 1))
          end
        end
      end
    end)

    it("that promises more pixels than it can hold is refused before they are allocated", function()
      local peak = gl.memory().peak
      refused("truncated: 16000x16000 pixels cannot be in %d+ bytes",
              maker.png { width = 16000, height = 16000, bits = 8, color = 6, rows = { "" } })
      refused("more than the limit of 268435456",
              maker.png { width = 1000000, height = 1000000, bits = 8, color = 6, rows = { "" } })
      for _, width in ipairs { 0, 1000001, 0x7FFFFFFF } do
        refused("libpng: Invalid IHDR data",
                maker.png { width = width, height = 2, bits = 1, color = 0, rows = { "" } })
      end
      assert.is_true(gl.memory().peak - peak < 1e6)
    end)

    it("gives its memory back", function()
      collectgarbage()
      collectgarbage()
      local live = gl.memory().live
      for n = 1, #good - 1, 3 do read_bytes(good:sub(1, n)) end
      assert.equal(live, gl.memory().live)
    end)
  end)
end)
