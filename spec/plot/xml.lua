-- For specs: a small check that a string is well-formed XML, and what stands in it.
local xml = {}

local known = { amp = "&", lt = "<", gt = ">", quot = '"', ["#39"] = "'" }

-- Text with its entities replaced; raises an error at a stray & or <.
local function decode(s)
  assert(not s:find("<", 1, true), "stray < in " .. s:sub(1, 60))
  return (s:gsub("&([^;&]*)(;?)", function(name, semicolon)
    return assert(semicolon == ";" and known[name], "stray & in " .. s:sub(1, 60))
  end))
end

local function attributes_of(s)
  local attributes = {}
  local rest = s:gsub('%s+([%a_:][%w_:%.%-]*)="([^"]*)"', function(name, value)
    assert(attributes[name] == nil, "attribute twice: " .. name)
    attributes[name] = decode(value)
    return ""
  end)
  assert(rest:find("^%s*$"), "damaged attributes: " .. s)
  return attributes
end

-- The elements of the document in order, each {name =, attributes =, text = (its own text)}; an error where it is not
-- well-formed or has not one root.
function xml.elements(s)
  assert(utf8.len(s), "not UTF-8")
  local list, open, roots, at = {}, {}, 0, 1
  while true do
    local from, to, slash, name, rest, empty = s:find("<(/?)([%a][%w]*)([^<>]-)(/?)>", at)
    local text = decode(s:sub(at, (from or 0) - 1))
    if open[#open] then open[#open].text = open[#open].text .. text end
    assert(open[1] or not text:find("%S"), "text outside of the root")
    if not from then break end
    if slash == "/" then
      assert(open[#open] and open[#open].name == name, "unexpected </" .. name .. ">")
      open[#open] = nil
    else
      if #open == 0 then roots = roots + 1 end
      list[#list + 1] = { name = name, attributes = attributes_of(rest), text = "" }
      if empty == "" then open[#open + 1] = list[#list] end
    end
    at = to + 1
  end
  assert(#open == 0, "not closed: " .. (open[1] and open[1].name or ""))
  assert(roots == 1, "not one root")
  return list
end

-- The elements of that name.
function xml.all(s, name)
  local found = {}
  for _, element in ipairs(xml.elements(s)) do
    if element.name == name then found[#found + 1] = element end
  end
  return found
end

-- The texts of all <text> elements in order.
function xml.texts(s)
  local texts = {}
  for i, element in ipairs(xml.all(s, "text")) do texts[i] = element.text end
  return texts
end

-- How often `what` is one of the texts.
function xml.count_text(s, what)
  local n = 0
  for _, text in ipairs(xml.texts(s)) do
    if text == what then n = n + 1 end
  end
  return n
end

return xml
