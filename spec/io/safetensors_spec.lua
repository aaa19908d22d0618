-- safetensors: what is saved comes back, the bytes are as the format says, and damaged files are refused.

local gl = require "genlat"
local safetensors = require "genlat.safetensors"
local folder = require "spec.io.folder"

describe("safetensors", function()
  local place, path
  setup(function()
    place = folder.new()
    path = place:path("x.safetensors")
  end)
  teardown(function() place:remove() end)

  local float = gl.zeros(1).dtype == "float64" and "F64" or "F32"
  local function pack_floats(...)
    return string.pack("<" .. (float == "F64" and "d" or "f"):rep(select("#", ...)), ...)
  end

  local function file_of(header, data) return string.pack("<s8", header) .. (data or "") end

  local function refused(pattern, header, data)
    place:write("x.safetensors", data and file_of(header, data) or header)
    local tensors, message = safetensors.load(path)
    assert.is_nil(tensors)
    assert.equal(path .. ": ", message:sub(1, #path + 2))
    assert.matches(pattern, message)
  end

  describe("save", function()
    it("writes the header and the data as the format says", function()
      assert.is_true(safetensors.save(path, { b = gl.tensor { { 1, 2 }, { 3, 4 } }, a = gl.tensor { 5 }:byte(),
                                              c = gl.tensor { 6 } }))
      local size = float == "F64" and 8 or 4
      local header = ('{"b":{"dtype":"%s","shape":[2,2],"data_offsets":[0,%d]},'
        .. '"c":{"dtype":"%s","shape":[1],"data_offsets":[%d,%d]},'
        .. '"a":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}}')
        :format(float, 4 * size, float, 4 * size, 5 * size, 5 * size, 5 * size + 1)
      header = header .. (" "):rep(-#header % 8)
      assert.equal(file_of(header, pack_floats(1, 2, 3, 4, 6) .. "\5"), place:read("x.safetensors"))
      assert.equal("x.safetensors", place:list())
    end)

    it("writes views as they look", function()
      assert(safetensors.save(path, { t = gl.tensor { { 1, 2 }, { 3, 4 } }:transpose(1, 2) }))
      assert.equal(pack_floats(1, 3, 2, 4), place:read("x.safetensors"):sub(-#pack_floats(1, 2, 3, 4)))
    end)

    it("makes the same file from the same tensors", function()
      local tensors, metadata = {}, {}
      for i = 1, 30 do
        tensors["t" .. i] = gl.full({ 3 }, i)
        metadata["m" .. i] = tostring(i)
      end
      assert(safetensors.save(path, tensors, metadata))
      local first = place:read("x.safetensors")
      local again = {}
      for i = 30, 1, -1 do again["t" .. i] = tensors["t" .. i] end
      assert(safetensors.save(path, again, metadata))
      assert.equal(first, place:read("x.safetensors"))
    end)

    it("puts larger elements before smaller ones", function()
      local places = gl.tensor({ 1, -2 }, { dtype = "int64" })
      assert(safetensors.save(path, { a = gl.tensor { 5 }:byte(), b = gl.tensor { 6 }, c = places }))
      local data = string.pack("<i8i8", 1, -2) .. pack_floats(6) .. "\5"
      if float == "F64" then data = pack_floats(6) .. string.pack("<i8i8", 1, -2) .. "\5" end
      assert.equal(data, place:read("x.safetensors"):sub(-#data))
      assert.same({ 1, -2 }, safetensors.load(path).c:totable())
    end)

    it("begins the data at a multiple of 8", function()
      for n = 1, 9 do
        assert(safetensors.save(path, { [("x"):rep(n)] = gl.zeros(1) }))
        assert.equal(0, (8 + string.unpack("<I8", place:read("x.safetensors"))) % 8)
      end
    end)

    it("raises for wrong arguments, and writes nothing", function()
      local t = gl.zeros(1)
      local before = place:list()
      local function raises(pattern, ...)
        local arguments = table.pack(...)
        assert.error_matches(function() safetensors.save(table.unpack(arguments, 1, arguments.n)) end, pattern)
      end
      local new = place:path("new")
      raises("save: the path is a text, not nothing", nil, {})
      raises("save: the tensors is a table, not a tensor of 1", new, t)
      raises("'w' is a tensor, not 3", new, { w = 3 })
      raises("a tensor's name is a text, not 1", new, { t })
      raises("no tensor can have the name __metadata__", new, { __metadata__ = t })
      raises("is not UTF%-8", new, { ["\xFF"] = t })
      raises("the metadata is a table or nothing, not 'text'", new, { w = t }, "text")
      raises("metadata 'epoch' is a text, not 3", new, { w = t }, { epoch = 3 })
      raises("a metadata key is a text, not 1", new, { w = t }, { "x" })
      raises("is not UTF%-8", new, { w = t }, { note = "\xFF" })
      assert.equal(before, place:list())
    end)

    it("gives nil and a message where the file cannot be written", function()
      local ok, message = safetensors.save(place:path("none/x"), { w = gl.zeros(1) })
      assert.is_nil(ok)
      assert.equal(place:path("none/x") .. ": cannot be written: its folder does not exist", message)
    end)

    it("leaves the old file and nothing else on a full disk", function()
      local full = folder.new()
      full:write("x", "old")
      local output = full:with_full_disk(64, ('print(require("genlat.safetensors").save(%q, { w = gl.zeros(1e5) }))')
        :format(full:path("x")))
      assert.equal(("nil\t%s: cannot be written: File too large\n"):format(full:path("x")), output)
      assert.equal("old", full:read("x"))
      assert.equal("x", full:list())
      full:remove()
    end)
  end)

  describe("load", function()
    it("gives back what was saved", function()
      local saved = {
        ["encoder.1.weight"] = gl.randn(3, 4, 5, 2), ["a scalar"] = gl.randn(1):reshape({}), [""] = gl.randn(2),
        ["quote \" slash / \\ tab \t zero \0 \u{1F600}:"] = gl.randn(1, 1), ["bytes"] = gl.rand(7):mul(255):byte(),
        ["large"] = gl.randn(123457),
      }
      local metadata = { format = "pt", [""] = "", ["a:b\"\n"] = "{\"x\": [\"y\", 1]}" }
      assert(safetensors.save(path, saved, metadata))
      local tensors, same = safetensors.load(path)
      assert(tensors, same)
      assert.same(metadata, same)
      for name, t in pairs(saved) do
        assert.same(t.shape, tensors[name].shape)
        assert.equal(t.dtype, tensors[name].dtype)
        assert.same(t:totable(), tensors[name]:totable())
        tensors[name] = nil
      end
      assert.is_nil(next(tensors))
    end)

    it("keeps infinities, NaN and the sign of zero", function()
      assert(safetensors.save(path, { t = gl.tensor { 1 / 0, -1 / 0, 0 / 0, -0.0 } }))
      local t = safetensors.load(path).t:totable()
      assert.same({ 1 / 0, -1 / 0 }, { t[1], t[2] })
      assert.is_true(t[3] ~= t[3])
      assert.equal(-1 / 0, 1 / t[4])
    end)

    it("reads a file without tensors", function()
      assert(safetensors.save(path, {}))
      assert.same({ {}, {}, {} }, { safetensors.load(path) })
      assert(safetensors.save(path, {}, { a = "b" }))
      assert.same({ {}, { a = "b" }, {} }, { safetensors.load(path) })
    end)

    local function load_one(dtype, n, data)
      place:write("x.safetensors", file_of(('{"t":{"dtype":"%s","shape":[%d],"data_offsets":[0,%d]}}')
        :format(dtype, n, #data), data))
      return assert(safetensors.load(path)).t
    end

    it("converts the other kinds of floats", function()
      local f16 = string.pack("<I2I2I2I2I2I2I2I2", 0x3C00, 0xC000, 0x7BFF, 0x0001, 0x0400, 0x7C00, 0xFC00, 0x8000)
      assert.same({ 1, -2, 65504, 2 ^ -24, 2 ^ -14, 1 / 0, -1 / 0, -0.0 }, load_one("F16", 8, f16):totable())
      local nan = load_one("F16", 1, "\1\x7C"):item()
      assert.is_true(nan ~= nan)
      assert.same({ 1, -2.5, 2 ^ 100 }, load_one("BF16", 3, string.pack("<I2I2I2", 0x3F80, 0xC020, 0x7180)):totable())
      assert.same({ 1.5, -2 ^ 70 }, load_one("F64", 2, string.pack("<dd", 1.5, -2 ^ 70)):totable())
      assert.same({ 1.5, -2 ^ 70 }, load_one("F32", 2, string.pack("<ff", 1.5, -2 ^ 70)):totable())
      local bytes = load_one("U8", 2, "\0\255")
      assert.equal("uint8", bytes.dtype)
      assert.same({ 0, 255 }, bytes:totable())
    end)

    it("reads whole numbers where they are exact", function()
      local limits = float == "F64" and { 2 ^ 53, 2 ^ 53 + 2 } or { 2 ^ 24, 2 ^ 24 + 2 }
      local function whole(dtype, format, values)
        local t = load_one(dtype, #values, string.pack("<" .. format:rep(#values), table.unpack(values)))
        assert.not_equal("uint8", t.dtype)
        assert.same(values, t:totable())
      end
      whole("I8", "i1", { -128, -1, 0, 127 })
      whole("I16", "i2", { -32768, 32767 })
      whole("U16", "I2", { 0, 65535 })
      whole("I32", "i4", { -16777216, 16777216, -2147483648, 2147483520 })
      whole("U32", "I4", { 0, 16777216, 4294967040 })
      whole("I64", "i8", { math.mininteger, -limits[1] // 1 | 0, limits[1] // 1 | 0, limits[2] // 1 | 0, 1 << 62 })
      local large = string.pack("<i8i8", 1 << 63, 1 << 63 | 1 << 40)
      assert.same({ 2 ^ 63, 2 ^ 63 + 2 ^ 40 }, load_one("U64", 2, large):totable())
    end)

    it("refuses whole numbers that are not, naming the tensor", function()
      local function inexact(dtype, format, value, shown)
        local data = string.pack("<" .. format:rep(2), 0, value)
        local message = "tensor 't': its element 2 is %s, which %s does not hold %%(with names"
        refused(message:format(shown, gl.zeros(1).dtype),
          ('{"t":{"dtype":"%s","shape":[2],"data_offsets":[0,%d]}}'):format(dtype, #data), data)
      end
      if float == "F32" then
        inexact("I32", "i4", 16777217, "16777217")
        inexact("I32", "i4", -16777217, "%-16777217")
        inexact("I32", "i4", 2147483647, "2147483647")
        inexact("U32", "I4", 4294967295, "4294967295")
      end
      inexact("I64", "i8", math.maxinteger, "9223372036854775807")
      inexact("I64", "i8", -(1 << 60) - 1, "%-1152921504606846977")
      inexact("U64", "i8", -1, "18446744073709551615")
      if float == "F64" then return end
      refused("tensor 't': its element 1 is 1e%+300, beyond the largest number of float32",
        '{"t":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}', string.pack("<d", 1e300))
    end)

    it("reads truth values and single numbers", function()
      local t = load_one("BOOL", 3, "\1\0\1")
      assert.equal("uint8", t.dtype)
      assert.same({ 1, 0, 1 }, t:totable())
      refused("tensor 't': its element 2 is 2: a BOOL is 0 or 1",
        '{"t":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}', "\1\2")
      local cases = { { "I64", "i8", -5 }, { "F16", "I2", 0x3C00, 1 }, { "BOOL", "I1", 1 }, { "F64", "d", 0.5 } }
      for _, case in ipairs(cases) do
        local data = string.pack("<" .. case[2], case[3])
        place:write("x.safetensors", file_of(('{"t":{"dtype":"%s","shape":[],"data_offsets":[0,%d]}}')
          :format(case[1], #data), data))
        local one = assert(safetensors.load(path)).t
        assert.equal(0, one.ndim)
        assert.equal(case[4] or case[3], one:item())
      end
    end)

    it("reads floats of eight bits", function()
      assert.same({ 0, 2 ^ -9, 7 * 2 ^ -9, 2 ^ -6, 240, 256, 448, -448, -0.0 },
        load_one("F8_E4M3", 9, "\0\1\7\8\x77\x78\x7E\xFE\x80"):totable())
      assert.same({ 0, 2 ^ -16, 3 * 2 ^ -16, 2 ^ -14, 57344, 1 / 0, -1 / 0, 1 },
        load_one("F8_E5M2", 8, "\0\1\3\4\x7B\x7C\xFC\x3C"):totable())
      assert.same({ 2 ^ -127, 2 ^ -126, 1, 2 ^ 127 }, load_one("F8_E8M0", 4, "\0\1\127\254"):totable())
      for dtype, byte in pairs { F8_E4M3 = "\x7F", F8_E5M2 = "\x7D", F8_E8M0 = "\xFF" } do
        local nan = load_one(dtype, 1, byte):item()
        assert.is_true(nan ~= nan, dtype)
      end
    end)

    describe("a file with tensors that genlat does not have", function()
      local header = '{"big":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},'
        .. '"complex":{"dtype":"C64","shape":[1],"data_offsets":[8,16]},'
        .. '"none":{"dtype":"F32","shape":[3,0,9007199254740992],"data_offsets":[16,16]},'
        .. '"w":{"dtype":"U8","shape":[2],"data_offsets":[16,18]}}'
      local data = string.pack("<i8 i8", math.maxinteger, 0) .. "\3\4"

      it("is read without the empty ones, which are named", function()
        place:write("x.safetensors", file_of(
          '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},'
          .. '"b":{"dtype":"I64","shape":[2,0],"data_offsets":[0,0]},'
          .. '"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', "\7"))
        local tensors, metadata, empty = safetensors.load(path)
        assert.same({ 7 }, tensors.w:totable())
        assert.same({ nil, nil, {} }, { tensors.a, tensors.b, metadata })
        assert.same({ "a", "b" }, empty)
      end)

      it("is read by names", function()
        refused("tensor 'big': its element 1 is", header, data)
        local tensors, _, empty = safetensors.load(path, { names = { "w" } })
        assert.same({ 3, 4 }, tensors.w:totable())
        assert.same({ "w", nil }, { next(tensors) and "w", next(tensors, "w") })
        assert.same({}, empty)
        local function wrong(pattern, name)
          local none, message = safetensors.load(path, { names = { name } })
          assert.is_nil(none)
          assert.matches(pattern, message)
        end
        wrong("tensor 'complex': its dtype C64 is not one that genlat reads$", "complex")
        wrong("tensor 'none': its shape 3x0x9007199254740992 has no elements$", "none")
        wrong("there is no tensor 'W'", "W")
        assert.same({}, (safetensors.load(path, { names = {} })))
        assert.error_matches(function() safetensors.load(path, { names = "w" }) end, "load: names is a list")
        assert.error_matches(function() safetensors.load(path, { name = "w" }) end, "did you mean 'names'")
      end)
    end)

    it("accepts any layout that the format allows", function()
      place:write("x.safetensors", file_of('{ "b" : {"data_offsets":[1 ,2],"shape":[],"dtype":"U8"},\n'
        .. '"a":{"dtype":"U8","shape":[1,1],"data_offsets":[0,1]}, "__metadata__":{"\\u0061\\"":"\\\\\\""}}  ', "\3\4"))
      local tensors, metadata = safetensors.load(path)
      assert(tensors, metadata)
      assert.same({ { 3 } }, tensors.a:totable())
      assert.equal(4, tensors.b:item())
      assert.same({ ['a"'] = '\\"' }, metadata)
    end)

    it("raises where the path is no string", function()
      assert.error_matches(function() safetensors.load() end, "safetensors.load: the path is a text, not nothing")
    end)
  end)

  describe("a damaged file", function()
    local function entry(dtype, shape, first, last)
      return ('{"dtype":"%s","shape":%s,"data_offsets":[%s,%s]}'):format(dtype, shape, first, last)
    end

    it("that is missing or cut is refused", function()
      local tensors, message = safetensors.load(place:path("none"))
      assert.is_nil(tensors)
      assert.equal(place:path("none") .. ": cannot be opened: No such file or directory", message)
      assert(safetensors.save(path, { w = gl.zeros(3), v = gl.zeros(2) }, { a = "b" }))
      local good = place:read("x.safetensors")
      for n = 0, #good - 1 do refused("truncated", good:sub(1, n)) end
      refused("bytes of data, its tensors have", good .. "x")
    end)

    it("with an impossible header is refused", function()
      refused("a header of 18446744073709551615 bytes, the limit is 100000000", ("\xFF"):rep(8) .. "{}")
      refused("a header of 100000001 bytes", string.pack("<I8", 100000001) .. "{}")
      refused("truncated: a header of 99999999 bytes expected, 2 came", string.pack("<I8", 99999999) .. "{}")
      refused("does not begin with {", "", "")
      refused("does not begin with {", " {}", "")
      refused("does not begin with {", "[]", "")
      refused("not UTF%-8", '{"\xFF":1}', "")
      refused("not a JSON object", "{", "")
      refused("not a JSON object", "{}}", "")
      refused("not a JSON object", '{"__metadata__":{"a":"\1"}}', "")
      refused("not a JSON object", "{}\0", "")
      refused("not a JSON object", '{"a":nan}', "")
      refused("not a JSON object", ('{"a":'):rep(5000), "")
    end)

    it("with a wrong description is refused", function()
      local function wrong(pattern, description) refused(pattern, '{"w":' .. description .. "}", "abcd") end
      wrong("tensor 'w': its description is not an object", "3")
      wrong("tensor 'w': its description is not an object", "null")
      wrong("its dtype is not a string", "[]")
      wrong("its dtype is not a string", '{"dtype":3,"shape":[4],"data_offsets":[0,4]}')
      wrong("and nothing else", '{"dtype":"U8","shape":[4],"data_offsets":[0,4],"more":1}')
      wrong("shape is not a list", '{"dtype":"U8","shape":4,"data_offsets":[0,4]}')
      wrong("shape is not a list", '{"dtype":"U8","shape":{"1":4},"data_offsets":[0,4]}')
      wrong("data_offsets is not a list", '{"dtype":"U8","shape":[4],"data_offsets":null}')
      wrong("data_offsets is not a pair", '{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}')
      for _, value in ipairs { "1.5", "-1", "1e300", '"4"', "null", "true", "[4]", "9007199254740994" } do
        wrong("shape holds something else than whole numbers", entry("U8", "[" .. value .. "]", 0, 4))
      end
      wrong("data_offsets holds something else", entry("U8", "[4]", "-1", "3"))
      wrong("its dtype C64 is not one that genlat reads", entry("C64", "[4]", 0, 4))
      wrong("its shape 5 needs 5 bytes, it has 4", entry("U8", "[5]", 0, 4))
      wrong("its shape 4 needs 16 bytes, it has 4", entry("F32", "[4]", 0, 4))
      wrong("has 9 axes, the limit is 8", entry("U8", "[1,1,1,1,1,1,1,1,4]", 0, 4))
      wrong("its shape 0 has no elements", entry("U8", "[0]", 0, 4))
      wrong("too many elements", entry("U8", "[9007199254740992,9007199254740992]", 0, 4))
    end)

    it("whose tensors overlap, leave holes or are outside is refused", function()
      local function wrong(pattern, a, b)
        a, b = entry("U8", table.unpack(a)), entry("U8", table.unpack(b))
        refused(pattern, ('{"a":%s,"b":%s}'):format(a, b), "abcd")
      end
      wrong("tensor 'b': its data are at bytes 1 to 4, expected from 2 on", { "[2]", 0, 2 }, { "[3]", 1, 4 })
      wrong("tensor 'b': its data are at bytes 3 to 4, expected from 2 on", { "[2]", 0, 2 }, { "[1]", 3, 4 })
      wrong("tensor 'a': its data are at bytes 1 to 2, expected from 0 on", { "[1]", 1, 2 }, { "[2]", 2, 4 })
      wrong("tensor 'b': its data are at bytes 0 to 4, expected from 4 on", { "[4]", 0, 4 }, { "[4]", 0, 4 })
      wrong("tensor 'b': its data are at bytes 2 to 1, expected from 2 on", { "[2]", 0, 2 }, { "[1]", 2, 1 })
      wrong("has 4 bytes of data, its tensors have 3", { "[2]", 0, 2 }, { "[1]", 2, 3 })
      wrong("truncated: 6 bytes of data expected, 4 came", { "[2]", 0, 2 }, { "[4]", 2, 6 })
    end)

    it("with a name given twice is refused", function()
      local e = entry("U8", "[1]", 0, 1)
      local function twice(header) refused("gives a name twice", header, "x") end
      twice(('{"a":%s,"a":%s}'):format(e, e))
      twice(('{"a":%s,"\\u0061":%s}'):format(e, e))
      twice(('{"a":%s,"__metadata__":{"k":"1","k":"2"}}'):format(e))
      twice(('{"a":%s,"__metadata__":{},"__metadata__":{}}'):format(e))
      twice('{"a":{"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,1]}}')
    end)

    it("with metadata that are no strings is refused", function()
      refused("not all values are strings", '{"__metadata__":{"a":1}}', "")
      refused("not all values are strings", '{"__metadata__":{"a":{"b":"c"}}}', "")
      refused("not all values are strings", '{"__metadata__":["a"]}', "")
      refused("__metadata__ is not an object", '{"__metadata__":"a"}', "")
      refused("__metadata__ is not an object", '{"__metadata__":null}', "")
    end)

    it("with any changed byte of the header gives tensors or a message, never an error", function()
      assert(safetensors.save(path, { w = gl.zeros(3), v = gl.zeros(2, 2), u = gl.zeros(4):byte() }, { a = "b" }))
      local good = place:read("x.safetensors")
      local length = 8 + string.unpack("<I8", good)
      for i = 1, length do
        for _, change in ipairs { 1, 32, 128 } do
          place:write("x.safetensors", good:sub(1, i - 1) .. string.char(good:byte(i) ~ change) .. good:sub(i + 1))
          local tensors, second = safetensors.load(path)
          assert.equal(tensors and "table" or "string", type(second))
        end
      end
    end)

    it("gives its memory back and closes its file", function()
      collectgarbage()
      collectgarbage()
      local live = gl.memory().live
      for _ = 1, 100 do refused("expected from 0 on", '{"a":' .. entry("U8", "[1]", 1, 2) .. "}", "ab") end
      assert.equal(live, gl.memory().live)
    end)
  end)
end)
