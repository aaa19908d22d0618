--- signature.lua: the signatures of ops, layers and optimizers ("x:T p:F=0.5 axis:L?", see csrc/ops/signature.h) in
-- words.

local signature = {}

--- The parameters: a list of {name =, type =, many =, optional =, default = text or nil, words = list, of a W}.
function signature.parse(text)
  local list = {}
  for name, type, marks, value in text:gmatch "([%w_]+):(%u)([*?]*)=?(%S*)" do
    local p = {name = name, type = type, many = marks:find "%*" ~= nil, optional = marks:find "%?" ~= nil}
    if type == "W" then
      p.words = {}
      for word in value:gmatch "[^|]+" do p.words[#p.words + 1] = word end
      p.default = ('"%s"'):format(p.words[1])
    elseif value ~= "" then
      p.default = type == "P" and "{" .. value:gsub(",", ", ") .. "}" or value
      p.default = p.default:gsub("^(%-?)inf$", "%1math.huge")
    end
    list[#list + 1] = p
  end
  return list
end

local kinds = {
  T = "tensor", F = "number", P = "two numbers", I = "whole number", L = "whole number, or {down, across}",
  B = "true or false",
}

-- Parameters that are called so, of whatever type.
local by_name = {
  axis = "an axis, from 1; -1 is the last", axes = "list of axes, from 1", sizes = "sizes, or a list of them",
}

--- What values a parameter takes: "whole number, or a list of them (1)".
function signature.words(p)
  local text = p.many and "list of tensors" or by_name[p.name] or kinds[p.type]
  if p.name == "axis" and p.type == "L" then text = "an axis or a list of axes, from 1; -1 is the last" end
  if p.words then
    local quoted = {}
    for i, word in ipairs(p.words) do quoted[i] = ('"%s"'):format(word) end
    text = table.concat(quoted, ", ", 1, #quoted - 1) .. " or " .. quoted[#quoted]
  end
  if p.optional then return text .. "; may be left out" end
  return p.default and ("%s (%s)"):format(text, p.default) or text
end

--- "x, weight, [bias], stride = 1": of a list of parameters, from number `first` on.
function signature.call(parameters, first)
  local words = {}
  for i = first or 1, #parameters do
    local p = parameters[i]
    words[#words + 1] = p.optional and "[" .. p.name .. "]" or p.default and p.name .. " = " .. p.default or p.name
  end
  return table.concat(words, ", ")
end

--- A list of lines, one for each parameter.
function signature.lines(parameters)
  local width, lines = 0, {}
  for _, p in ipairs(parameters) do width = math.max(width, #p.name) end
  for i, p in ipairs(parameters) do
    lines[i] = ("  %s%s  %s"):format(p.name, (" "):rep(width - #p.name), signature.words(p))
  end
  return lines
end

return signature
