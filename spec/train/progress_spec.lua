-- The progress bar: what fits on a terminal of any width, and nothing where there is none.

local Progress = require "genlat.train.progress"
local shell = dofile "spec/scripts/shell.lua"

describe("the line of progress", function()
  local parts = {label = "epoch 3/20", share = 0.456, rate = "5231 images/s", left = "0:12", note = "loss 141.23"}

  it("never takes more columns than there are, and says most where there is room", function()
    for columns = 0, 300 do
      local line = Progress.line(parts, columns)
      assert.is_true(utf8.len(line) <= columns)
      if columns >= 4 then assert.matches(line:find("[", 1, true) and "#%.+%]" or "45 %%", line) end
      assert.is_nil(line:find "%s$")
    end
    assert.equal("epoch 3/20 [#############.................] 5231 images/s  0:12 left  loss 141.23",
      Progress.line(parts, 300))
    assert.equal("epoch 3/20  45 %  0:12 left  loss 141.23", Progress.line(parts, 40))
    assert.equal("epoch 3/20  45 %", Progress.line(parts, 20))
    assert.equal("45 %", Progress.line(parts, 15))
    assert.equal("", Progress.line(parts, 3))
  end)

  it("counts the columns of letters, not their bytes", function()
    local wide = {label = "Größe", share = 1, rate = "", left = "0:00", note = "猫"}
    assert.equal("Größe  100 %  0:00 left  猫", Progress.line(wide, 28))
    assert.equal("Größe  100 %  猫", Progress.line(wide, 16))
    assert.equal("Größe  100 %", Progress.line(wide, 15))
  end)
end)

describe("the line of an epoch", function()
  local parts = {"epoch   1", "train 380.64 (reconstruction 366.46 + KL 14.18)", "test 246.78 (reconstruction 223.67)",
    "1.4 s"}

  it("is one where there is room, and else is broken between its parts", function()
    local whole = table.concat(parts, "  ")
    assert.equal(whole, Progress.fold(parts, math.huge))
    assert.equal(whole, Progress.fold(parts, #whole))
    assert.equal(table.concat({parts[1], parts[2]}, "  ") .. "\n  " .. table.concat({parts[3], parts[4]}, "  "),
      Progress.fold(parts, 80))
  end)

  it("is broken between words on narrow terminals, and loses none", function()
    for columns = 17, 120 do
      local folded, words = Progress.fold(parts, columns), table.concat(parts, " ")
      assert.equal(words:gsub("%s+", " "), (folded:gsub("%s+", " ")))
      for line in folded:gmatch "[^\n]+" do assert.is_true(#line <= columns, line) end
    end
  end)
end)

describe("progress", function()
  local Folder = dofile "spec/io/folder.lua"
  local folder, data
  setup(function() data = shell.small_data(300, 100) end)
  teardown(function() data:remove() end)
  before_each(function() folder = Folder.new() end)
  after_each(function() folder:remove() end)

  local has_terminals = os.execute "script -qec true /dev/null </dev/null >/dev/null 2>&1"
  local on_terminals = has_terminals and it or pending -- script of util-linux makes one

  -- Runs a command on a terminal of its own, after stty with those settings; returns what came out of it, and the lines
  -- that were drawn over.
  local function on_terminal(settings, command)
    local script = folder:write("run.sh", command)
    local output, _, status = shell.run(("script -qec \"stty %s -onlcr; exec sh '%s'\" /dev/null </dev/null"):format(
      settings, script))
    assert.equal(0, status, output)
    local bars = {}
    for bar in output:gmatch "\r([^\r\n\27]+)\27%[K" do bars[#bars + 1] = bar end
    return output, bars
  end

  local function train()
    return shell.lua("scripts/train_vae.lua", ("--data '%s' --hidden 8 --latent 2 --batch 10 --epochs 2 --threads 1 " ..
      "--out '%s'"):format(data.name, folder:path "run"))
  end

  local function epochs(output)
    local _, count = output:gsub("epoch%s+%d+%s+train%s", "")
    return count
  end

  for _, columns in ipairs {10, 40, 500} do
    on_terminals(("fits a terminal of %d columns"):format(columns), function()
      local output, bars = on_terminal("cols " .. columns, "TERM=xterm " .. train())
      assert.is_true(#bars > 1)
      for _, bar in ipairs(bars) do assert.is_true(#bar < columns, bar) end
      assert.equal(2, epochs(output))
    end)
  end

  on_terminals("follows the terminal's width, and takes COLUMNS where a terminal does not say its own", function()
    local program = folder:write("program.lua", [[
      local Progress = require "genlat.train.progress"
      local function draw(setting)
        assert(os.execute(setting))
        local bar = Progress.new(true)
        bar:start(10)
        bar:update("reading", 10, function() return "many/s" end, "all")
        bar:clear()
      end
      draw "stty cols 90 </dev/tty"
      draw "stty cols 25 </dev/tty"
      draw "stty cols 0 </dev/tty"]])
    local _, bars = on_terminal("cols 80", "TERM=xterm COLUMNS=33 " .. shell.lua(program))
    assert.same({
      ("reading [%s] many/s  0:00 left  all"):format(("#"):rep(30)), "reading  100 %  all",
      "reading  100 %  0:00 left  all",
    }, bars)
  end)

  on_terminals("leaves a plain terminal its lines, one an epoch", function()
    for _, term in ipairs {"dumb", ""} do
      local output = on_terminal("cols 40", ("TERM=%s %s"):format(term, train()))
      assert.is_nil(output:find "[\r\27]")
      assert.equal(2, epochs(output))
    end
  end)

  it("is one line an epoch in a log, there at once", function()
    local output, errors, status = shell.run("TERM=xterm " .. train())
    assert.equal(0, status)
    assert.equal("", errors)
    assert.is_nil(output:find "[\r\27]")
    local _, lines = output:gsub("epoch +%d  train [^\n]+  test [^\n]+ s\n", "")
    assert.equal(2, lines)
  end)
end)
