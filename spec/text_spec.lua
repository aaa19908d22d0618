-- text.lua: names made harmless for a terminal and for a file system.
local gl = require "genlat"
local text = require "genlat.text"

describe("a text that is shown", function()
  it("has its control characters escaped, and letters of all languages kept", function()
    local cases = {
      {"plain", "plain"}, {"größe 猫 🙂", "größe 猫 🙂"}, {"a\27[2Jb", "a\\x1B[2Jb"}, {"a\nb\tc\r", "a\\nb\\tc\\r"},
      {"\0\127", "\\x00\\x7F"}, {"\u{85}\u{9B}31m", "\\u{0085}\\u{009B}31m"},
      {"a\u{202E}b\u{2066}c\u{2069}", "a\\u{202E}b\\u{2066}c\\u{2069}"}, {"\u{2028}\u{FEFF}", "\\u{2028}\\u{FEFF}"},
      {"\u{E0041}", "\\u{E0041}"}, {"\xFF\xC3", "\\xFF\\xC3"}, {"\xC0\x80\xED\xA0\x80", "\\xC0\\x80\\xED\\xA0\\x80"},
      {"\xF4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"}, {"क्‍ष", "क्‍ष"}, {"", ""},
    }
    for _, case in ipairs(cases) do assert.equal(case[2], text.shown(case[1])) end
  end)

  it("is the same when it is shown again", function()
    math.randomseed(3)
    for _ = 1, 200 do
      local bytes = {}
      for i = 1, 40 do bytes[i] = string.char(math.random(0, 255)) end
      local once = text.shown(table.concat(bytes))
      assert.equal(once, text.shown(once))
      assert.is_truthy(utf8.len(once))
      assert.is_nil(once:find "[%c\127]")
    end
  end)

  it("is what messages quote, whose own lines stay", function()
    assert.equal("a\\nb:\n 2, true, 1.5", text.message("%s:\n %d, %s, %s", "a\nb", 2, true, 1.5))
    assert.equal("nil", text.message("%s", nil))
  end)
end)

describe("a word of a shell command", function()
  it("is read as it was, whatever is in it", function()
    for _, word in ipairs {"plain", "it's", "a b", "$HOME `x` \\ \"", "''", "two\nlines"} do
      local pipe = assert(io.popen("printf %s " .. text.quoted(word)))
      assert.equal(word, pipe:read "a")
      pipe:close()
    end
  end)
end)

describe("messages", function()
  local file = os.tmpname()
  teardown(function() os.remove(file) end)

  it("of the C core show names of files escaped", function()
    local value, message = gl.read_png "/nowhere/\27]0;title\7\n.png"
    assert.is_nil(value)
    assert.equal("/nowhere/\\x1B]0;title\\x07\\n.png: cannot be opened: No such file or directory", message)
  end)

  it("of the C core are cut at whole characters", function()
    for extra = 0, 3 do
      local _, message = gl.read_png("/" .. ("x"):rep(extra) .. ("猫"):rep(400))
      assert.is_nil(message:find("\\x", 1, true))
      assert.is_truthy(utf8.len(message))
    end
  end)

  it("of operations show what they quote escaped", function()
    local ok, message = pcall(function() return gl.zeros(2):sum {["\27[2J"] = 1} end)
    assert.is_false(ok)
    assert.is_nil(message:find "%c")
    assert.is_truthy(message:find("\\x1B[2J", 1, true))
  end)
end)

describe("a file's name", function()
  it("is a plain name itself", function()
    for _, name in ipairs {"smile", "0", "hair_long", "a.b-c+1 d"} do assert.equal(name, text.file_name(name)) end
  end)

  it("keeps what can be read of others", function()
    for name, start in pairs {["T-shirt/top"] = "T-shirt-top~", ["猫"] = "猫~", Smile = "Smile~", ["../x"] = "x~",
      [""] = "x~", con = "con~", ["nul.txt"] = "nul.txt~", ["a "] = "a~", ["a~b"] = "a-b~", ["-rf"] = "rf~"} do
      local file = text.file_name(name)
      assert.equal(start, file:sub(1, #start), name)
      assert.is_truthy(file:sub(#start + 1):find "^%x+$")
    end
  end)

  it("differs where names do, also without case, is short and no path", function()
    local names = {"猫", "狗", "鸟", "a", "A", "a/b", "a_b", "a:b", "a-b", ".", "..", "", " ", "a ", "a.", "é", "e\u{301}",
      "CON", "con", "Con", "nul", "com1", "x~000000000000", "\27", "\n", "\xFF", "\xFE", "a\0b", "a\0c", "\\", "/",
      "ä", "Ä", "*", "?", "%", "-a", "--", "~", ("x"):rep(300), ("x"):rep(301), ("猫"):rep(100), ("猫"):rep(99) .. "狗"}
    for _, name in ipairs {"猫", "x", "a/b"} do table.insert(names, text.file_name(name .. "!")) end
    local seen = {}
    for _, name in ipairs(names) do
      local file = text.file_name(name)
      assert.is_nil(seen[file:lower()], ("%q and %q are both %s"):format(name, tostring(seen[file:lower()]), file))
      seen[file:lower()] = name
      assert.is_true(#file <= 80 and #file > 0)
      assert.is_truthy(utf8.len(file))
      assert.is_nil(file:find "[%c/\\:*?\"<>|]")
      assert.is_nil(file:find "^[.~ %-]")
      assert.is_nil(file:find "[. ]$")
    end
  end)
end)

describe("words", function()
  it("are counted", function()
    assert.equal("1 image", text.count(1, "image"))
    assert.equal("0 images", text.count(0, "image"))
    assert.equal("2 classes", text.count(2, "class", "classes"))
  end)

  it("have an article", function()
    assert.equal("a VAE", text.a "VAE")
    assert.equal("an Autoencoder", text.a "Autoencoder")
  end)

  it("have a distance", function()
    assert.equal(0, text.distance("abc", "abc"))
    assert.equal(3, text.distance("", "abc"))
    assert.equal(3, text.distance("kitten", "sitting"))
    assert.same({"bat", "cat"}, text.nearest("bat", {"dog", "cat", "bat"}, 2))
    assert.same({}, text.nearest(("x"):rep(1000), {"x"}))
  end)

  it("that are not known are answered with the nearest and all of them", function()
    assert.equal("there is no option 'sise'; there are cache, size; did you mean 'size'?",
      text.unknown("option", "sise", {"cache", "size"}))
    assert.equal("there is no edit '\\x07'; there are shift", text.unknown("edit", "\7", {"shift"}))
    local many = {}
    for i = 1, 100 do many[i] = "name" .. i end
    assert.is_truthy(text.unknown("class", "zzzzzzz", many):find("name20, ... (100)", 1, true))
  end)
end)
