-- The report of a run: one HTML page that opens from disk and needs nothing from outside, pictures included.
local base64 = require "genlat.plot.base64"
local svg = require "genlat.plot.svg"
local text = require "genlat.text"

local report = {}

local escape = svg.escape
local element = svg.element

-- The classes that begin with gl- belong to the plots (genlat.plot.theme): in the dark they get dark paper, light ink.
local style = [[
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --edge: #dfe3e8; --ink: #1b2129; --soft: #414b57; --muted: #667080;
  --accent: #14698c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #171c23; --edge: #2b333d; --ink: #e8ebef; --soft: #bcc4ce; --muted: #8d98a5;
    --accent: #6cc3e4;
  }
  .gl-ink, .gl-ink-line { fill: #e8ebef; }
  .gl-muted { fill: #98a2ae; }
  .gl-paper { fill: #171c23; stroke: #2b333d; }
  .gl-halo { stroke: #171c23; }
  .gl-ink-line { stroke: #e8ebef; fill: none; }
  .gl-grid-line { stroke: #262d36; }
  .gl-axis-line { stroke: #48525e; }
  .gl-points { stroke-opacity: 0.85; }
  .gl-value { filter: brightness(1.35); }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Helvetica, Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1028px; margin: 0 auto; padding: 56px 24px 72px; }
h1 { font-size: 34px; line-height: 1.2; letter-spacing: -0.015em; font-weight: 650; margin: 0; text-wrap: balance; }
h2 { font-size: 21px; line-height: 1.3; letter-spacing: -0.005em; font-weight: 650; margin: 0 0 4px; }
p { margin: 0 0 14px; max-width: 68ch; color: var(--soft); text-wrap: pretty; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 3px; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.model {
  margin: 0 0 8px; color: var(--accent); font-size: 13px; font-weight: 600; letter-spacing: 0.06em;
  text-transform: uppercase;
}
.subtitle { font-size: 18px; margin: 10px 0 0; color: var(--muted); }
.headline {
  display: flex; flex-wrap: wrap; align-items: flex-end; gap: 20px 44px; margin: 36px 0 0; padding: 26px 30px 24px;
  background: var(--card); border: 1px solid var(--edge); border-radius: 12px;
}
.headline dl { margin: 0; }
.headline dt, .facts dt { color: var(--muted); font-size: 13px; line-height: 1.4; }
.headline dd { margin: 2px 0 0; font-variant-numeric: tabular-nums; line-height: 1.1; white-space: nowrap; }
.headline .whole dd { font-size: 46px; font-weight: 650; letter-spacing: -0.025em; }
.headline .part dd { font-size: 25px; font-weight: 500; letter-spacing: -0.01em; padding-bottom: 4px; }
.headline .unit { font-size: 15px; font-weight: 400; letter-spacing: 0; color: var(--muted); padding-left: 8px; }
.sign { color: var(--muted); font-size: 25px; line-height: 1.1; padding-bottom: 4px; margin: 0 -22px; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 16px 28px; margin: 32px 0 0;
}
.facts div { border-top: 1px solid var(--edge); padding-top: 9px; min-width: 0; }
.facts dd { margin: 1px 0 0; font-variant-numeric: tabular-nums; line-height: 1.4; overflow-wrap: anywhere; }
.facts .long { grid-column: 1 / -1; }
section { margin-top: 64px; }
figure { margin: 18px 0 0; }
figure > * + * { margin-top: 16px; }
figcaption { color: var(--muted); font-size: 14px; line-height: 1.5; max-width: 76ch; margin-top: 10px; }
img { display: block; max-width: 100%; height: auto; image-rendering: pixelated; border-radius: 4px; }
.genlat-plot { display: block; max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 15px; min-width: 50%; }
th { font-weight: 600; font-size: 13px; color: var(--muted); text-align: left; vertical-align: bottom; }
th, td { padding: 8px 28px 8px 0; border-bottom: 1px solid var(--edge); }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; }
.files { list-style: none; margin: 14px 0 0; padding: 0; columns: 2 340px; column-gap: 28px; }
.files li {
  display: flex; flex-wrap: wrap; gap: 0 14px; break-inside: avoid; padding: 7px 0;
  border-top: 1px solid var(--edge);
}
.files a { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 14px; line-height: 1.7; }
.files span { color: var(--muted); font-size: 14px; line-height: 1.7; }
@media (max-width: 640px) {
  main { padding: 32px 16px 48px; }
  h1 { font-size: 27px; }
  section { margin-top: 48px; }
  .genlat-plot { max-width: none; min-width: 620px; width: 100%; }
  .headline { padding: 20px; gap: 14px 30px; }
  .headline .whole { flex-basis: 100%; }
  .headline .whole + .sign { display: none; }
  .sign { margin: 0 -15px; }
  .facts { grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 12px 20px; }
}
@media print {
  body { background: none; }
  main { padding: 0; }
  figure, .headline { break-inside: avoid; }
}
]]

-- A file's name as a link: each byte that is not plain is written %XX, so no name can be taken for an address.
local function address(name)
  return "./" .. name:gsub("[^%w%-%._~/]", function(c) return ("%%%02X"):format(c:byte()) end)
end

-- What can be told from the first bytes of a picture: its type, width and height in pixels; nil if it is neither PNG
-- nor GIF.
local function identify(bytes)
  if bytes:sub(1, 8) == "\137PNG\r\n\26\n" and #bytes >= 24 then return "png", string.unpack(">I4I4", bytes, 17) end
  if bytes:find("^GIF8[79]a") and #bytes >= 10 then return "gif", string.unpack("<I2I2", bytes, 7) end
end

-- The contents of a file, or nil and a message.
local function read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local bytes, failure = file:read("a")
  file:close()
  if not bytes then return nil, text.message("%s: %s", path, failure) end
  return bytes
end

-- Pictures narrower than this are shown enlarged by a whole number, so that all their pixels stay equal.
local comfortable = 760

-- The picture `path` as an <img> with its bytes in it, or nil and a message.
local function image(path, description)
  local bytes, message = read(path)
  if not bytes then return nil, message end
  local kind, width, height = identify(bytes)
  if not kind then return nil, text.message("%s: not a PNG or GIF picture", path) end
  local scale = math.max(1, comfortable // math.max(width, 1))
  return element("img", { alt = description, width = width * scale, height = height * scale,
    src = "data:image/" .. kind .. ";base64," .. base64.encode(bytes) })
end

-- A number as the headline shows it; text as it is.
local function figure_text(value)
  return type(value) == "number" and (text.format("%.2f", value):gsub("-", "\u{2212}")) or tostring(value)
end

local function term(name, value)
  return element("dt", nil, escape(name)) .. element("dd", nil, value)
end

-- The run's figure, large, and what belongs to it. Between them stand signs, where they are a sum: a part's own, or
-- "=" and "+": test loss = reconstruction + KL.
local function headline(h)
  local unit = h.unit and element("span", { class = "unit" }, escape(h.unit)) or ""
  local out = { element("dl", { class = "whole" }, term(h.name, escape(figure_text(h.value)) .. unit)) }
  for i, part in ipairs(h.parts or {}) do
    local sign = part.sign or (i == 1 and "=" or "+")
    if sign ~= "" then out[#out + 1] = element("div", { class = "sign" }, escape(sign)) end
    out[#out + 1] = element("dl", { class = "part" }, term(part[1], escape(figure_text(part[2]))))
  end
  return element("div", { class = "headline" }, table.concat(out, "\n")) .. "\n"
end

local function facts(list)
  local out = {}
  for i, fact in ipairs(list) do
    local long = svg.text_width(fact[2], 16) > 400
    out[i] = element("div", { class = long and "long" }, term(fact[1], escape(fact[2])))
  end
  return element("dl", { class = "facts" }, table.concat(out, "\n")) .. "\n"
end

local function section(title, ...)
  return element("section", nil, "\n", title and element("h2", nil, escape(title)) .. "\n" or "", ...) .. "\n"
end

-- A picture with its title and what it means; or nil and a message.
local function picture(s, folder)
  local shown = { s.svg and element("div", { class = "wide" }, s.svg) }
  if s.image then
    local path = folder and folder .. "/" .. s.image or s.image
    local img, message = image(path, s.title or s.image)
    if not img then return nil, message end
    shown[#shown + 1] = img
  end
  local caption = s.text and element("figcaption", nil, escape(s.text)) or ""
  return section(s.title, element("figure", nil, table.concat(shown, "\n"), caption), "\n")
end

-- A table; a column whose cells are all numbers, by type or as text such as "98.2 %", stands to the right.
local function table_html(t)
  local numeric = {}
  for column = 1, #t.columns do
    numeric[column] = #t.rows > 0
    for _, row in ipairs(t.rows) do
      if not text.format("%s", row[column] or ""):find("^[+-]?%d") then numeric[column] = false end
    end
  end
  local function line(cells, name)
    local out = {}
    for column = 1, #t.columns do
      local cell = cells[column] == nil and "" or cells[column]
      out[column] = element(name, { class = numeric[column] and "number" }, escape(cell))
    end
    return element("tr", nil, table.concat(out)) .. "\n"
  end
  local body = {}
  for i, row in ipairs(t.rows) do body[i] = line(row, "td") end
  return section(t.title, element("figure", nil, element("div", { class = "wide" },
    element("table", nil, element("thead", nil, line(t.columns, "th")), element("tbody", nil, table.concat(body)))),
    t.text and element("figcaption", nil, escape(t.text)) or ""), "\n")
end

local function files(list)
  local out = {}
  for i, file in ipairs(list) do
    out[i] = element("li", nil, element("a", { href = address(file[1]) }, escape(file[1])),
      file[2] and element("span", nil, escape(file[2])) or "")
  end
  return section("Files", element("ul", { class = "files" }, table.concat(out, "\n")), "\n")
end

-- The page as a string; nil and a message where a picture cannot be read.
--   title      the run's name; model, subtitle: what it is, in a line each (optional, like all that follows)
--   headline   {name = "test loss", value = 151.2, unit = "nats per image", parts = {{"reconstruction", 127.1}, ...}};
--              a part may have a sign of its own, such as sign = "+ 0.5 x", or "" where it is no part of a sum
--   facts      {{"name", "value"}, ...}: options, versions, times
--   sections   {{title =, text = (what the picture means), image = (path of a PNG or GIF) or svg = "<svg ..."}, ...}
--   folder     where the images are looked for (else paths are taken as they are)
--   table      {title =, text =, columns = {"name", ...}, rows = {{cell, ...}, ...}}
--   files      {{"model.safetensors", "what it is"}, ...}: links to files that lie beside the page
function report.html(o)
  if type(o.title) ~= "string" then error("report.html: title must be a string", 2) end
  local out = { element("header", nil, "\n",
    o.model and element("p", { class = "model" }, escape(o.model)) .. "\n" or "",
    element("h1", nil, escape(o.title)), "\n",
    o.subtitle and element("p", { class = "subtitle" }, escape(o.subtitle)) .. "\n" or "",
    o.headline and headline(o.headline) or "",
    o.facts and #o.facts > 0 and facts(o.facts) or "") .. "\n" }
  for _, s in ipairs(o.sections or {}) do
    local html, message = picture(s, o.folder)
    if not html then return nil, "report: " .. message end
    out[#out + 1] = html
  end
  if o.table then out[#out + 1] = table_html(o.table) end
  if o.files and #o.files > 0 then out[#out + 1] = files(o.files) end
  return table.concat({
    "<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    -- the browser holds the page to its word: nothing is loaded, nothing runs
    '<meta http-equiv="Content-Security-Policy"'
      .. [[ content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">]],
    element("title", nil, escape(o.title)), "<style>\n" .. style .. "</style>", "</head>", "<body>",
    element("main", nil, "\n", table.concat(out)), "</body>", "</html>", "" }, "\n")
end

return report
