-- The README's programs run as they stand.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local function programs()
  local file = assert(io.open "README.md")
  local text = file:read "a"
  file:close()
  local list = {}
  for program in text:gmatch "```lua\n(.-)```" do
    list[#list + 1] = program
  end
  return list
end

describe("the README", function()
  local folder
  setup(function() folder = Folder.new() end)
  teardown(function() folder:remove() end)

  it("has programs that run one after the other, as in the REPL", function()
    assert.equal(3, #programs())
    local run, here = folder.name .. "/vae", io.popen("pwd"):read()
    assert(gl.core.mkdirs(run))
    assert(gl.models.save(run .. "/model.safetensors", gl.models.vae {hidden = {8}, latent = 2}))
    local text = table.concat(programs()):gsub("runs/vae", run):gsub("walk%.png", folder.name .. "/walk.png")
    local output, errors, status = shell.run(shell.lua(folder:write("readme.lua", text)))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("tensor 2x2 float32\n  2  4\n  6  8\n", output)
    assert.is_true(tonumber(output:match "3\t(0%.%d+)") > 0.8)
    assert.matches("79,510 parameters", output)
    assert(gl.read_png(folder:path "walk.png"), here)
  end)

  it("names every script, and each explains itself", function()
    local file = assert(io.open "README.md")
    local text = file:read "a"
    file:close()
    local names = shell.run "ls scripts/*.lua"
    for name in names:gmatch "scripts/([%w_]+)%.lua" do
      if name ~= "bootstrap" then
        assert.matches("\n| [^|]*`" .. name .. "[` ]", text)
        local output, errors, status = shell.script(name .. ".lua", "--help")
        assert.equal("", errors)
        assert.equal(0, status)
        assert.matches("^Usage: ", output)
      end
    end
  end)
end)
