-- Base64: the vectors of RFC 4648, all bytes, and the time for a large picture.
local base64 = require "genlat.plot.base64"

describe("base64.encode", function()
  it("agrees with the test vectors of RFC 4648", function()
    local vectors = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=",
      foobar = "Zm9vYmFy" }
    for plain, encoded in pairs(vectors) do assert.equal(encoded, base64.encode(plain)) end
  end)

  it("encodes zeros and high bytes", function()
    assert.equal("AAAAAAAAAAA=", base64.encode(("\0"):rep(8)))
    assert.equal("////////", base64.encode(("\255"):rep(6)))
    assert.equal("+/A=", base64.encode("\251\240"))
  end)

  it("uses each character of the alphabet at its place", function()
    -- 48 bytes that hold the 6-bit numbers 0 to 63
    local bytes = {}
    for n = 0, 63, 4 do bytes[#bytes + 1] = string.pack(">I3", n << 18 | n + 1 << 12 | n + 2 << 6 | n + 3) end
    assert.equal("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
      base64.encode(table.concat(bytes)))
  end)

  it("takes a fraction of a second for a megabyte", function()
    local start = os.clock()
    assert.equal(1398104, #base64.encode(("genlat!\0"):rep(131072)))
    assert.is_true(os.clock() - start < 0.5) -- 0.05 s measured; the rest is for slow machines
  end)
end)
