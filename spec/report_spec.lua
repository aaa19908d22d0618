-- The report: one page with everything in it, and nothing that could come from elsewhere.
local report = require "genlat.report"
local scatter = require "genlat.plot.scatter"
local xml = dofile("spec/plot/xml.lua")

-- The first bytes of a PNG of that size: all that the page looks at.
local function png(width, height)
  return "\137PNG\r\n\26\n" .. string.pack(">I4c4I4I4", 13, "IHDR", width, height) .. "\8\0\0\0\0"
end

-- The page's elements. <meta> is the one element that HTML does not close.
local function elements(html)
  local body = html:gsub("^<!DOCTYPE html>", ""):gsub("<meta [^>]*>", "")
  return xml.elements(body)
end

local function find(html, name, predicate)
  for _, element in ipairs(elements(html)) do
    if element.name == name and (not predicate or predicate(element)) then return element end
  end
end

local function with_text(text)
  return function(element) return element.text == text end
end

describe("report.html", function()
  local folder

  local function write(name, bytes)
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(bytes)
    file:close()
  end

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    write("samples.png", png(100, 50))
    write("large.png", png(2000, 10))
    write("walk.gif", "GIF89a" .. string.pack("<I2I2", 30, 20) .. "\0\0\0")
    write("text.png", "not a picture")
  end)

  teardown(function() os.execute("rm -r " .. folder) end)

  it("holds title, model, subtitle and facts", function()
    local html = report.html({ title = "run 1", model = "VAE", subtitle = "digits",
      facts = { { "seed", 1 }, { "cuda", false } } })
    assert.truthy(find(html, "title", with_text("run 1")))
    assert.truthy(find(html, "h1", with_text("run 1")))
    assert.truthy(find(html, "p", with_text("VAE")))
    assert.truthy(find(html, "p", with_text("digits")))
    assert.truthy(find(html, "dt", with_text("seed")))
    assert.truthy(find(html, "dd", with_text("1")))
    assert.truthy(find(html, "dd", with_text("false")))
  end)

  it("shows the headline figure and its parts", function()
    local html = report.html({ title = "run", headline = { name = "test loss", value = 151.234,
      unit = "nats per image", parts = { { "reconstruction", 127.1 }, { "KL divergence", -24.134 } } } })
    assert.truthy(find(html, "dd", with_text("151.23")))
    assert.truthy(find(html, "span", with_text("nats per image")))
    assert.truthy(find(html, "dd", with_text("127.10")))
    assert.truthy(find(html, "dd", with_text("\u{2212}24.13")))
  end)

  it("embeds pictures as data, enlarged by a whole number", function()
    local html = assert(report.html({ title = "run", folder = folder, sections = {
      { title = "Samples", image = "samples.png", text = "Drawn from the prior." },
      { title = "Large", image = "large.png" }, { title = "Walk", image = "walk.gif" } } }))
    local function image(alt) return find(html, "img", function(e) return e.attributes.alt == alt end).attributes end
    assert.truthy(image("Samples").src:find("^data:image/png;base64,iVBORw0KGgo"))
    assert.same({ "700", "350" }, { image("Samples").width, image("Samples").height })
    assert.equal("2000", image("Large").width)
    assert.truthy(image("Walk").src:find("^data:image/gif;base64,R0lGOD"))
    assert.same({ "750", "500" }, { image("Walk").width, image("Walk").height })
    assert.truthy(find(html, "h2", with_text("Samples")))
    assert.truthy(find(html, "figcaption", with_text("Drawn from the prior.")))
  end)

  it("holds plots inline", function()
    local html = report.html({ title = "run", sections = {
      { title = "Map", svg = scatter.svg({ x = { 1, 2 }, y = { 3, 4 } }) },
      { title = "Map again", svg = scatter.svg({ x = { 1, 2 }, y = { 3, 4 } }) } } })
    local plots, ids = 0, 0
    for _, element in ipairs(elements(html)) do
      if element.attributes.class == "genlat-plot" then plots = plots + 1 end
      if element.attributes.id then ids = ids + 1 end
    end
    assert.equal(2, plots)
    assert.equal(0, ids) -- ids of two plots in a page would clash
  end)

  it("holds a table, numbers to the right", function()
    local html = report.html({ title = "run", table = { title = "Runs", columns = { "name", "loss" },
      rows = { { "a", 151.5 }, { "b", "149 nats" }, { "c" } } } })
    assert.truthy(find(html, "h2", with_text("Runs")))
    assert.truthy(find(html, "td", with_text("149 nats")))
    html = report.html({ title = "run", table = { columns = { "name", "loss" }, rows = { { "a", -1.5 } } } })
    assert.equal("number", find(html, "td", with_text("-1.5")).attributes.class)
    assert.is_nil(find(html, "td", with_text("a")).attributes.class)
  end)

  it("links to the files beside the page, whatever they are called", function()
    local html = report.html({ title = "run", files = { { "log.csv", "losses" }, { "a #1?.png" },
      { "javascript:alert(1)" } } })
    local hrefs = {}
    for _, element in ipairs(elements(html)) do hrefs[#hrefs + 1] = element.attributes.href end
    assert.same({ "./log.csv", "./a%20%231%3F.png", "./javascript%3Aalert%281%29" }, hrefs)
    assert.truthy(find(html, "a", with_text("a #1?.png")))
    assert.truthy(find(html, "span", with_text("losses")))
  end)

  it("escapes everything", function()
    local evil = "<script>&\"'"
    local html = assert(report.html({ title = evil, model = evil, subtitle = evil,
      headline = { name = evil, value = evil, unit = evil, parts = { { evil, evil } } }, facts = { { evil, evil } },
      folder = folder, sections = { { title = evil, text = evil, image = "samples.png" } },
      table = { title = evil, text = evil, columns = { evil }, rows = { { evil } } }, files = { { evil, evil } } }))
    assert.is_nil(find(html, "script"))
    assert.equal(evil, find(html, "img").attributes.alt)
  end)

  it("needs nothing from outside", function()
    local html = assert(report.html({ title = "run", folder = folder, sections = { { image = "samples.png" } },
      files = { { "log.csv" } } }))
    for _, element in ipairs(elements(html)) do
      assert.is_not.equal("link", element.name)
      assert.is_not.equal("script", element.name)
      local src = element.attributes.src
      assert.is_true(src == nil or src:find("^data:") == 1)
    end
    assert.is_nil(html:find("@import", 1, true))
    assert.is_nil(html:find("url(", 1, true))
    assert.truthy(html:find("default-src 'none'", 1, true))
    assert.truthy(html:find("prefers-color-scheme: dark", 1, true))
  end)

  it("returns nil and a message where a picture is missing or is none", function()
    local html, message = report.html({ title = "run", folder = folder, sections = { { image = "gone.png" } } })
    assert.is_nil(html)
    assert.equal("report: " .. folder .. "/gone.png: No such file or directory", message)
    html, message = report.html({ title = "run", sections = { { image = folder .. "/text.png" } } })
    assert.is_nil(html)
    assert.equal("report: " .. folder .. "/text.png: not a PNG or GIF picture", message)
    html, message = report.html({ title = "run", sections = { { image = folder } } })
    assert.is_nil(html)
    assert.truthy(message:find("directory"))
  end)

  it("wants a title", function()
    assert.has_error(function() report.html({}) end, "report.html: title must be a string")
  end)
end)
