-- lazy.lua: what is loaded late is loaded from where genlat was, whatever has become of package.path.

local gl = require "genlat"
local lazy = require "genlat.lazy"
local shell = dofile "spec/scripts/shell.lua"

-- All Lua files below lua/genlat: {module name, path}.
local function library_files()
  local list, pipe = {}, assert(io.popen "find lua/genlat -name '*.lua' | sort")
  for path in pipe:lines() do
    list[#list + 1] = {path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."), path}
  end
  pipe:close()
  return list
end

-- What a program prints that uses all that genlat loads late.
local USES = [[
  local count, seen = 0, {}
  local function walk(t)
    if seen[t] then return end
    seen[t] = true
    for _, value in pairs(t) do
      count = count + 1
      if type(value) == "table" and getmetatable(value) ~= nil or value == gl.models then walk(value) end
    end
  end
  walk(gl)
  for _, module in ipairs(modules) do require("genlat.lazy").require(module) end
  gl.train.options.new("x", "X", {run = "x", epochs = 1})
  local vae = gl.models.vae {image = {28, 28, 1}, hidden = {4}, latent = 2}
  local space = gl.latent.space(vae, {data = gl.data.load("digits", {train = 20, test = 10})})
  local help = require("genlat.lazy").require("genlat.help").text
  for _, thing in ipairs {gl, gl.latent, gl.plot, vae, space, gl.optim.Adam, gl.conv2d, space.data, "slerp"} do
    count = count + (#help(thing) > 40 and 1 or 0)
  end
  gl.show(space, {method = "plain", width = 40})
  gl.latent.invert(space, gl.rand(1, 28, 28, 1), {steps = 1})
  for _, kind in ipairs {"gan", "lenet5"} do
    assert(gl.models.build {model = kind, image = {28, 28, 1}, classes = kind == "lenet5" and 10 or nil})
  end
  print(count)
]]

local function program(before, after)
  local modules = {}
  for i, file in ipairs(library_files()) do modules[i] = ("%q"):format(file[1]) end
  local output, errors, status = shell.program(("%s\nlocal gl, modules = require 'genlat', {%s}\n%s\n%s"):format(
    before, table.concat(modules, ", "), after, USES))
  assert.equal("", errors)
  assert.equal(0, status)
  return assert(tonumber(shell.last_line(output)))
end

describe("what is loaded late", function()
  it("is found when package.path has changed", function()
    local expected = program("", "")
    assert.is_true(expected > 200)
    assert.equal(expected, program("", "package.path, package.cpath = '', ''"))
    assert.equal(expected, program("", "package.path, package.cpath = nil, nil"))
    assert.equal(expected, program("", "package.path = '/nowhere/?.lua'"))
  end)

  it("is found when the working folder has changed", function()
    assert.equal(program("", ""), program([[local host = dofile "spec/support/host.lua"]],
      "assert(host.chdir '/'); package.path = ''"))
  end)

  it("leaves package.path as it is, also where it fails", function()
    local path, cpath = package.path, package.cpath
    assert.is_table(lazy.require "genlat.plot.dots")
    assert.error_matches(function() lazy.require "genlat.nothing" end, "module 'genlat.nothing' not found")
    local dead = coroutine.create(lazy.require)
    assert.is_false(coroutine.resume(dead, "genlat.nothing"))
    assert.same({path, cpath}, {package.path, package.cpath})
  end)

  it("is asked for by lazy.require in all functions", function()
    for _, file in ipairs(library_files()) do
      local number = 0
      for line in io.lines(file[2]) do
        number = number + 1
        local code = line:gsub("%-%-.*", "")
        if code:find "^%s.*[^%w_.]require *%(" or code:find '^%s.*[^%w_.]require *"genlat' then
          assert.is_true(file[1] == "genlat.lazy" or file[1] == "genlat.metrics", -- which does so while it is loaded
            ("%s:%d: %s"):format(file[2], number, line))
        end
      end
    end
  end)
end)

describe("a part", function()
  it("has a field for each of its files", function()
    for _, part in ipairs {"plot", "train"} do
      for _, file in ipairs(library_files()) do
        local name = file[1]:match("^genlat%." .. part .. "%.([%w_]+)$")
        if name then assert.equal(lazy.require(file[1]), gl[part][name]) end
      end
    end
  end)

  it("has no field that is none, and lists what it has", function()
    for _, name in ipairs {"plot", "train", "latent"} do
      assert.is_nil(gl[name].none)
      assert.is_nil(gl[name][1])
    end
    assert.is_nil(gl.none)
    local names = {}
    for name, value in pairs(gl.plot) do
      names[#names + 1] = name
      assert.is_table(value)
    end
    table.sort(names)
    assert.equal("bars colormap dots heatmap histogram images lines matrix morph scatter sheet",
      table.concat(names, " "))
    assert.equal(gl.latent.slerp, lazy.require("genlat.latent.walk").slerp)
  end)
end)
