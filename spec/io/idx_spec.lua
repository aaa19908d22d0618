-- IDX files, the format of MNIST, plain and compressed.

local gl = require "genlat"
local folder = require "spec.io.folder"
local maker = require "spec.io.png_maker"

local read_idx, write_idx = gl.core.read_idx, gl.core.write_idx

describe("IDX", function()
  local place
  setup(function() place = folder.new() end)
  teardown(function() place:remove() end)

  local function header(...)
    local axes = select("#", ...)
    return string.pack(">B B B B" .. (" I4"):rep(axes), 0, 0, 8, axes, ...)
  end

  local function refused(pattern, bytes, name)
    local path = place:write(name or "x.idx", bytes)
    local tensor, message = read_idx(path)
    assert.is_nil(tensor)
    assert.equal(path .. ": ", message:sub(1, #path + 2))
    assert.matches(pattern, message)
  end

  it("is read with its shape", function()
    local tensor = assert(read_idx(place:write("x.idx", header(2, 3) .. "\1\2\3\250\251\252")))
    assert.equal("uint8", tensor.dtype)
    assert.same({ 2, 3 }, tensor.shape)
    assert.same({ { 1, 2, 3 }, { 250, 251, 252 } }, tensor:totable())
  end)

  for _, name in ipairs { "x.idx", "x.idx.gz" } do
    it("comes back as it was written: " .. name, function()
      for _, shape in ipairs { { 7 }, { 3, 4 }, { 2, 3, 4, 1 } } do
        local tensor = gl.rand(table.unpack(shape)):mul(255):byte()
        assert.is_true(write_idx(place:path(name), tensor))
        local back = assert(read_idx(place:path(name)))
        assert.same(shape, back.shape)
        assert.same(tensor:totable(), back:totable())
      end
    end)
  end

  it("comes back when it is larger than what is read at a time", function()
    local large = gl.zeros(430, 200, 200):byte() -- 17 MB
    assert(write_idx(place:path("large.gz"), large))
    assert(write_idx(place:path("large"), assert(read_idx(place:path("large.gz")))))
    assert.is_true(place:read("large") == header(430, 200, 200) .. ("\0"):rep(430 * 200 * 200))
  end)

  it("is written byte by byte as the format says", function()
    write_idx(place:path("x.idx"), gl.tensor { { 1, 2 }, { 3, 4 } }:byte():transpose(1, 2))
    assert.equal("\0\0\8\2\0\0\0\2\0\0\0\2\1\3\2\4", place:read("x.idx"))
  end)

  it("is compressed where the name ends in .gz, and gunzip agrees", function()
    local tensor = gl.zeros(100, 100):byte()
    write_idx(place:path("z.gz"), tensor)
    assert.is_true(#place:read("z.gz") < 200)
    os.execute(("gunzip '%s'"):format(place:path("z.gz")))
    assert.equal(header(100, 100) .. ("\0"):rep(10000), place:read("z"))
  end)

  it("raises for tensors that it cannot hold", function()
    assert.error_matches(function() write_idx(place:path("x.idx"), gl.zeros(2)) end, "holds .* uint8 .* tensor of 2")
    assert.has_error(function() write_idx(place:path("x.idx"), {}) end)
    assert.has_error(function() write_idx("x\0.idx", gl.zeros(2):byte()) end)
  end)

  it("leaves the old file and nothing else on a full disk", function()
    for _, name in ipairs { "x.idx", "x.gz" } do
      local full = folder.new()
      full:write(name, "old")
      local output = full:with_full_disk(4, ("print(gl.core.write_idx(%q, gl.rand(300, 300):mul(255):byte()))")
        :format(full:path(name)))
      assert.equal(("nil\t%s: cannot be written: File too large\n"):format(full:path(name)), output)
      assert.equal("old", full:read(name))
      assert.equal(name, full:list())
      full:remove()
    end
  end)

  describe("damaged", function()
    it("is refused with what was expected and what came", function()
      local tensor, message = read_idx(place:path("none"))
      assert.is_nil(tensor)
      assert.equal(place:path("none") .. ": cannot be opened: No such file or directory", message)
      assert.equal(place.name .. ": is a folder, not a file", select(2, read_idx(place.name)))
      refused("a header of at least 8 bytes expected, 0 came", "")
      refused("a header of at least 8 bytes expected, 3 came", "\0\0\8")
      refused("a header of 12 bytes expected, 8 came", "\0\0\8\2\0\0\0\2")
      refused("not an IDX file: it begins with 89 50, expected 00 00", "\x89PNG....")
      refused("holds 32%-bit floats %(type 0x0d%), expected unsigned bytes %(0x08%)", "\0\0\x0D\1\0\0\0\1....")
      refused("an unknown type %(type 0x07%)", "\0\0\7\1\0\0\0\1.")
      refused("has 0 axes, expected 1 to 8", "\0\0\8\0.......")
      refused("has 9 axes, expected 1 to 8", "\0\0\8\9" .. ("\0\0\0\1"):rep(9) .. ".")
      refused("axis 2 has size 0", header(3, 0))
      refused("truncated: the header promises 47040016 bytes, 12000 came", header(60000, 28, 28) .. ("x"):rep(11984))
      refused("has more than the 10 bytes", header(2) .. "abc")
    end)

    it("is refused before anything is allocated for it", function()
      local peak = gl.memory().peak
      local huge = header(0xFFFFFFFF)
      refused("truncated: the header promises 4294967303 bytes, 8 came", huge)
      refused("axis 2 has size 2, expected .* at most 4294967296 values in all", header(0xFFFFFFFF, 2))
      refused("axis 3 has size 4294967295", header(65536, 65536, 0xFFFFFFFF))
      write_idx(place:path("x.gz"), gl.zeros(10):byte())
      assert.is_true(gl.memory().peak - peak < 1e6)
    end)

    describe("and compressed", function()
      local good
      before_each(function()
        write_idx(place:path("good.gz"), gl.rand(6, 6):mul(255):byte())
        good = place:read("good.gz")
      end)

      it("is refused wherever it was cut", function()
        for n = 0, #good - 1 do
          refused("truncated", good:sub(1, n), "x.gz")
        end
      end)

      it("is refused when its checksum or its length is wrong", function()
        for i = #good - 7, #good do
          refused("damaged gzip data: incorrect %a+ check", good:sub(1, i - 1) .. string.char(good:byte(i) ~ 1)
            .. good:sub(i + 1), "x.gz")
        end
      end)

      it("is refused when it is no deflate data", function()
        refused("damaged gzip data: invalid", good:sub(1, 10) .. "\xFF\xFF\xFF\xFF" .. good:sub(15), "x.gz")
      end)

      -- A gzip member that is not compressed, its header filled up to so many bytes in all.
      local function member(bytes, size)
        local body = string.pack("<B I2 I2", 1, #bytes, ~#bytes & 0xFFFF) .. bytes
          .. string.pack("<I4 I4", maker.crc32(bytes), #bytes)
        local filler = ("x"):rep((size or 12 + #body) - 12 - #body)
        return "\x1F\x8B\8\4\0\0\0\0\0\3" .. string.pack("<s2", filler) .. body
      end

      it("in several parts is read as one, wherever the next part begins", function()
        local bytes = header(2, 3) .. "abcdef"
        for _, size in ipairs {100, 65534, 65535, 65536, 65537} do
          local first = member(bytes:sub(1, 14), size)
          assert.equal(size, #first)
          local t = assert(read_idx(place:write("x.gz", first .. member(bytes:sub(15)))))
          assert.same({{97, 98, 99}, {100, 101, 102}}, t:totable())
        end
        assert.is_truthy(read_idx(place:write("x.gz", member(bytes) .. ("\0"):rep(512)))) -- a tape's padding
        refused("damaged gzip data", member(bytes:sub(1, 14)) .. "\x1F\x8Bzzzzzzzzzzzzzz", "x.gz")
        refused("truncated", member(bytes:sub(1, 14)) .. member(bytes:sub(15)):sub(1, -2), "x.gz")
      end)

      it("is refused before allocation when so little cannot hold so much", function()
        local f = assert(io.popen(("gzip -c > '%s'"):format(place:path("bomb.gz")), "w"))
        f:write(header(0xFFFFFFFF), ("x"):rep(100))
        f:close()
        local peak = gl.memory().peak
        refused("promises 4294967303 bytes, %d+ compressed bytes cannot hold them", place:read("bomb.gz"))
        assert.is_true(gl.memory().peak - peak < 1e6)
      end)
    end)
  end)
end)
