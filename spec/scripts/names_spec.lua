-- Names of classes, whatever is in them: what scripts print of them commands no terminal, and each gets a file of its
-- own.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

describe("classes with names that nobody expects", function()
  local place
  local names = {"\27]0;pwned\7\27[2Ja", "b\nc", "猫", "狗", "d\u{202E}e"}

  setup(function()
    place = Folder.new()
    gl.seed(1)
    for i, name in ipairs(names) do
      for _, part in ipairs {"train", "test"} do
        local folder = ("%s/data/%s/%s"):format(place.name, part, name)
        assert(gl.core.mkdirs(folder))
        for k = 1, 4 do assert(gl.write_png(("%s/%d.png"):format(folder, k), gl.rand(16, 16, 1) / i)) end
      end
    end
    for kind, run in pairs {cvae = "run", vae = "plain"} do
      local words = ("--data '%s' --out '%s' --epochs 1 --hidden 4 --latent 2 --quiet"):format(place:path "data",
        place:path(run))
      assert.equal(0, select(3, shell.script(("train_%s.lua"):format(kind), words)))
    end
  end)
  teardown(function() place:remove() end)

  -- What a script says, which commands nothing.
  local function said(script, arguments, ...)
    local output, errors, status = shell.script(script, (arguments:gsub("RUN", place:path "run"):gsub("DATA",
      place:path "data"):gsub("OUT", place:path "out"):gsub("PLAIN", place:path "plain")), ...)
    for line in (output .. errors):gmatch "[^\n]+" do
      assert.equal(gl.core.shown(line), line)
      assert.is_nil(line:find("\\x1B[2J", 1, true) and line:find "\27")
    end
    return output, errors, status
  end

  it("are shown escaped by scripts", function()
    local _, errors = said("interpolate.lua", "RUN --class nothing")
    assert.is_truthy(errors:find("\\x1B]0;pwned\\x07\\x1B[2Ja, b\\nc, d\\u{202E}e", 1, true), errors)
    assert.is_truthy(errors:find("猫", 1, true))
    said("train_vae.lua", "--data DATA --out OUT --without 'x\27[2J' --epochs 1")
    said("train_vae.lua", "--data 'DATA\27[2J'")
    said("train_vae.lua", "--data DATA --epochs '\27[2J'")
    said("project.lua", "RUN")
  end)

  it("are shown escaped in Lua", function()
    local set = assert(gl.data.load(place:path "data"))
    assert.is_nil(tostring(set):find "%c")
    assert.is_nil(tostring(gl.load(place:path "run")):find "%c")
    for _, name in ipairs {"latent_map.svg", "report.html"} do
      local bytes = place:read("run/" .. name)
      assert.is_nil(bytes:find "[\0-\8\11-\31\127]")
      assert.is_nil(bytes:find "\xE2\x80\xAE")
      assert.is_truthy(bytes:find("猫", 1, true) or name == "report.html")
    end
  end)

  it("have directions of their own", function()
    local output = said("directions.lua", "PLAIN --method means")
    assert.is_truthy(output:find("\nb\\nc: ", 1, true), output)
    local store = gl.load(place:path "plain").directions
    assert.equal(#names, #store:names())
    assert.is_truthy(store:get "猫" and store:get "狗")
  end)

  it("have folders of their own", function()
    said("generate.lua", "RUN --count 20 --format png --out OUT/made")
    local folders = gl.core.list_folder(place:path "out/made/train")
    assert.equal(#names, #folders)
    for _, name in ipairs(folders) do assert.equal(gl.core.shown(name), name) end
  end)
end)
