-- JSON: every value comes back as it was, whatever bytes its strings have.

local json = require "genlat.json"

describe("JSON", function()
  it("is UTF-8, and gives back strings of any bytes", function()
    local every = {}
    for byte = 0, 255 do every[#every + 1] = string.char(byte) end
    local strings = {
      "", "plain", "\u{E9}\u{4E2D}\u{1F600}", "caf\xE9", "\xFF\xFE", "\u{10FE00}\u{10FEFF}", "\u{10FFFF}",
      "\xF4\x8F\xB8", "\xF4\x8F\xB8\x80\xE9", table.concat(every), "\xED\xA0\x80",
    }
    for _, text in ipairs(strings) do
      local written = json.encode {[text] = text, list = {text}}
      assert.is_truthy(utf8.len(written))
      assert.same({[text] = text, list = {text}}, json.decode(written))
    end
    assert.equal('"caf\u{E9}"', json.encode "caf\u{E9}")
  end)
end)
