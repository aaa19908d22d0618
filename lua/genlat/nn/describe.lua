--- describe.lua: how a module prints: its tree, with output shapes and parameter counts.

local check = require "genlat.check"
local core = require "genlat.core"
local scope = require "genlat.scope"

local describe = {
  -- Of a coroutine in which shapes are being found out: a function that is called with every module and its result.
  watchers = setmetatable({}, {__mode = "k"}),
}

local function with_commas(n)
  local text = ("%d"):format(n)
  local count
  repeat
    text, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

--- Runs the module once on zeros of a shape, unrecorded, in evaluation, with random numbers of its own; returns
--- module -> output shape, as far as it came.
function describe.shapes(module, shape)
  local x, found, thread = core.zeros(shape), {}, coroutine.running()
  local before = describe.watchers[thread]
  local _ <close> = setmetatable({}, {__close = function() describe.watchers[thread] = before end})
  describe.watchers[thread] = function(m, y)
    if check.is_tensor(y) then found[m] = y.shape end
  end
  scope.run({recording = false, seed = 0, eval = module}, pcall, module, x)
  return found
end

-- The shape of one input, without the batch, where it can be told: a model says it, or a first layer knows it.
local function input_shape(module)
  local own = rawget(module, "input_shape")
  if own then return own end
  if module.inputs and type(module.inputs) == "number" then return {module.inputs} end
  local first = rawget(module, 1)
  return first and input_shape(first) or nil
end

local function collect_shapes(module, found, seen)
  if seen[module] then return found end
  seen[module] = true
  local shape = not found[module] and input_shape(module)
  if shape then
    for m, s in pairs(describe.shapes(module, {1, table.unpack(shape)})) do
      found[m] = found[m] or s
    end
  end
  for _, child in ipairs(module:children()) do
    collect_shapes(child[2], found, seen)
  end
  return found
end

local function shape_text(shape)
  if not shape then return "" end
  return "N x " .. (#shape > 1 and table.concat(shape, " x ", 2) or "1")
end

local function add_lines(lines, module, label, depth, found, seen)
  if seen[module] then return end
  seen[module] = true
  lines[#lines + 1] = {
    ("%s%s%s%s"):format(("  "):rep(depth), label, getmetatable(module).__name, module:details()),
    shape_text(found[module]), with_commas(module:parameter_count()),
  }
  for _, child in ipairs(module:children()) do
    add_lines(lines, child[2], child[1] .. ": ", depth + 1, found, seen)
  end
end

local function layout(lines)
  local width, shape_width = 0, 0
  for _, line in ipairs(lines) do
    width, shape_width = math.max(width, #line[1]), math.max(shape_width, #line[2])
  end
  local text = {}
  for i, line in ipairs(lines) do
    local count = line[3] == "0" and "" or line[3] .. " parameters"
    local padding, shape_padding = (" "):rep(width - #line[1]), (" "):rep(shape_width - #line[2])
    text[i] = (line[1] .. padding .. "  " .. line[2] .. shape_padding .. "  " .. count):gsub("%s+$", "")
  end
  return table.concat(text, "\n")
end

local function text_with(module, found)
  local lines = {}
  add_lines(lines, module, "", 0, found, {})
  return layout(lines)
end

--- The text of a module, with the output shapes that can be told from the module itself.
function describe.text(module) return text_with(module, collect_shapes(module, {}, {})) end

--- The text of a module for an input of a shape (without the batch).
function describe.text_for(module, shape)
  return text_with(module, describe.shapes(module, {1, table.unpack(shape)}))
end

return describe
