-- The SVG writer: what it writes is XML whatever it is given.
local svg = require "genlat.plot.svg"
local xml = dofile("spec/plot/xml.lua")

describe("svg.escape", function()
  it("replaces what means something to XML", function()
    assert.equal("a &lt;b&gt; &amp;amp; &quot;c&quot; &#39;d&#39;", svg.escape("a <b> &amp; \"c\" 'd'"))
  end)

  it("keeps other letters and line ends", function()
    assert.equal("Zürich σ\n\t数", svg.escape("Zürich σ\n\t数"))
  end)

  it("replaces bytes that XML cannot hold", function()
    assert.equal("a\u{FFFD}b", svg.escape("a\0b"))
    assert.equal("a\u{FFFD}b", svg.escape("a\xffb"))
    assert.equal("a\u{FFFD}b", svg.escape("a\27b"))
  end)

  it("takes numbers and booleans", function()
    assert.equal("3", svg.escape(3))
    assert.equal("true", svg.escape(true))
  end)
end)

describe("svg.number", function()
  it("keeps one decimal, or as many as asked for, without trailing zeros", function()
    assert.equal("1.2", svg.number(1.23))
    assert.equal("1.235", svg.number(1.2349, 3))
    assert.equal("100", svg.number(100))
    assert.equal("100", svg.number(99.99))
    assert.equal("0", svg.number(-0.001))
    assert.equal("-0.5", svg.number(-0.5))
  end)
end)

describe("svg.element", function()
  it("writes attributes in a fixed order, _ as -", function()
    assert.equal('<rect fill="red" stroke-width="1.5" x="2"/>',
      svg.element("rect", { x = 2, stroke_width = 1.5, fill = "red" }))
  end)

  it("leaves out what is false", function()
    assert.equal("<g/>", svg.element("g", { fill = false }))
  end)

  it("holds content, and escapes attributes", function()
    local s = svg.element("g", { class = '"<&' }, svg.element("a"), svg.element("b"))
    assert.equal('<g class="&quot;&lt;&amp;"><a/><b/></g>', s)
    assert.equal('"<&', xml.elements(s)[1].attributes.class)
  end)
end)

describe("svg.wrap", function()
  it("breaks at spaces, within the width", function()
    local lines = svg.wrap("one two three four five six seven eight", 12, 80)
    assert.is_true(#lines > 2)
    for _, line in ipairs(lines) do assert.is_true(svg.text_width(line, 12) <= 80) end
    assert.equal("one two three four five six seven eight", table.concat(lines, " "))
  end)

  it("leaves a long word whole", function()
    assert.same({ "a", "verylongwordindeed", "b" }, svg.wrap("a verylongwordindeed b", 12, 30))
  end)
end)
