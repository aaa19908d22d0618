-- examples_spec.lua: every program in examples/ runs as it stands, and leaves the files that it and the index name.

local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  file:close()
  return bytes
end

-- The names of the examples in their order, without the ending.
local names = {}
for _, name in ipairs(gl.core.list_folder "examples") do
  names[#names + 1] = name:match "^(.*)%.lua$"
end
table.sort(names)

-- The files that the index names for each example: name -> {file, ...}.
local index = {}
for line in read("examples/README.md"):gmatch "[^\n]+" do
  local name, pictures = line:match "^| %[([%w_]+)%]%(%1%.lua%) |.*| (.-) |$"
  if name then
    index[name] = {}
    for file in pictures:gmatch "`([^`]+)`" do table.insert(index[name], file) end
    table.sort(index[name])
  end
end

-- Width and height of a picture, from the file's own words.
local size = {}
function size.svg(bytes)
  assert.matches("^<svg .*</svg>\n$", bytes)
  assert.is_nil(bytes:find '"%-?nan' or bytes:find '"%-?inf')
  return tonumber(bytes:match '^<svg [^>]*%swidth="([%d.]+)"'), tonumber(bytes:match '^<svg [^>]*%sheight="([%d.]+)"')
end
function size.png(_, path)
  local shape = assert(gl.read_png(path)).shape
  return shape[2], shape[1]
end
function size.gif(bytes)
  assert.equal("GIF89a", bytes:sub(1, 6))
  assert.equal(";", bytes:sub(-1)) -- the trailer
  local _, frames = bytes:gsub("\x21\xF9\x04", "") -- a graphic control block for each frame
  assert.is_true(frames >= 20)
  return string.unpack("<I2I2", bytes, 7)
end
-- A model or its directions: no picture, but a whole file.
function size.safetensors(_, path)
  assert(require("genlat.safetensors").load(path))
  return 100, 100
end

describe("the examples", function()
  it("are numbered without gaps, and the index knows them all", function()
    assert.is_true(#names >= 12)
    local listed = 0
    for _ in pairs(index) do listed = listed + 1 end
    assert.equal(#names, listed)
    for i, name in ipairs(names) do
      assert.equal(i, tonumber(name:match "^(%d%d)_%l+$"))
      assert.is_truthy(index[name] and #index[name] > 0)
    end
  end)

  local old = shell.run("command -v lua5.1 || command -v luajit"):match "^(%S+)";
  (old and it or pending)("tell another Lua in one line that it is too old", function()
    for _, name in ipairs(names) do
      local output, errors, status = shell.run(("'%s' examples/%s.lua"):format(old, name))
      assert.equal("", output)
      assert.equal("genlat needs Lua 5.4; this is Lua 5.1: run it with lua5.4\n", errors)
      assert.equal(1, status)
    end
  end)

  -- A script takes the plain build where there is one, so that a run under the sanitizers would only be the same again.
  if package.loaded.leaks then return end

  for _, name in ipairs(names) do
    it("include " .. name, function()
      local folder = Folder.new()
      finally(function() folder:remove() end)
      local output, errors, status = shell.run(shell.lua("examples/" .. name .. ".lua", folder:path "out"))
      assert.equal("", errors)
      assert.equal(0, status)
      assert.is_nil(output:find "%f[%a]nan%f[%A]" or output:find "%f[%a]inf%f[%A]")
      assert.is_true(#output > 200)

      local made = gl.core.list_folder(folder:path "out")
      table.sort(made)
      assert.same(index[name], made)
      for _, file in ipairs(made) do
        local path = folder:path("out/" .. file)
        assert.is_truthy(output:find(path, 1, true), "does not tell of " .. file)
        local bytes = read(path)
        local width, height = size[file:match "%.(%l+)$"](bytes, path)
        assert.is_true(width >= 100 and width <= 2000 and height >= 100 and height <= 2000)
        assert.is_true(#bytes > (file:find "safetensors$" and 100 or 2000) and #bytes < 8000000)
      end
    end)
  end
end)
