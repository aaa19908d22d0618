-- options.lua: one rule for all options of the scripts.
local Options = require "genlat.train.options"

local function parse(words)
  local options = Options.new("train_x", "Trains x.", {run = "x", epochs = 20, hidden = {400}, latent = 2})
  options:add("--shift", {default = 0, convert = Options.number(-1), help = "a number"})
  options:add_network()
  return options:parse(words)
end

local function values(...) return parse({...}).values end

local function refusal(...)
  local ok, message = pcall(parse, {...})
  assert.is_false(ok, table.concat({...}, " "))
  assert.is_nil(message:find "%c")
  return (message:gsub("^train_x: (.*) %(%-%-help explains%)$", "%1"))
end

describe("numbers on a command line", function()
  it("are in decimal, whole ones also as 5.0 or 1e3", function()
    assert.equal(5, values("--epochs", "5.0").epochs)
    assert.equal("integer", math.type(values("--epochs", "1e3").epochs))
    assert.equal(1000, values("--epochs=1e3").epochs)
    assert.equal(1e-4, values("--lr", "1e-4").lr)
    assert.equal(-0.5, values("--shift", "-0.5").shift)
    assert.equal(-0.5, values("--shift=-.5").shift)
    assert.same({5, 6}, values("--hidden", "5,6").hidden)
    assert.equal(1 << 53, values("--seed", "9007199254740992").seed)
  end)

  it("that break the rule are refused by its words", function()
    for _, word in ipairs {"2.5", "0", "-1", "", " 5", "0x10", "1e400", "nan", "inf", "five", "5,6"} do
      assert.equal(("--epochs: '%s' is not a whole number from 1"):format(word), refusal("--epochs", word))
    end
    for _, word in ipairs {"1e400", "nan", "inf", "0", "-1", "", "0x1p-3"} do
      assert.equal(("--lr: '%s' is not a number above 0"):format(word), refusal("--lr", word))
    end
    for _, word in ipairs {"-1", "9007199254740993", "1.5", "x"} do
      assert.equal(("--seed: '%s' is not a whole number from 0 to 9007199254740992"):format(word),
        refusal("--seed", word))
    end
    for _, word in ipairs {"5,,5", "5,", ",", "", "5,0", "5;6", "5 6"} do
      assert.equal(("--hidden: '%s' is not a list of sizes such as 512,256"):format(word),
        refusal("--hidden", word))
    end
    assert.equal("--threads: '2000' is not a whole number from 1 to 1024", refusal("--threads", "2000"))
  end)
end)

describe("paths on a command line", function()
  it("may begin with the home folder, however they are written", function()
    local home = os.getenv "HOME"
    for _, key in ipairs {"out", "data"} do
      assert.equal(home .. "/r", values("--" .. key .. "=~/r")[key])
      assert.equal(home, values("--" .. key, "~")[key])
      assert.equal("./~r", values("--" .. key, "./~r")[key])
      assert.equal("a/~/b", values("--" .. key, "a/~/b")[key])
    end
    assert.same({home .. "/r"}, values("--resume=~/r").resume)
    assert.equal("--out: ~ alone is known as a home folder, not '~bob/r' (./~bob/r is a folder of that name)",
      refusal("--out", "~bob/r"))
  end)

  it("and words are never empty", function()
    assert.equal("--out: '' is not a path", refusal("--out", ""))
    assert.equal("--data: '' is not a path", refusal("--data="))
    assert.equal("--resume: '' is not a path", refusal("--resume="))
    assert.equal("--without: '' is not a word", refusal("--without", ""))
  end)
end)

describe("options", function()
  it("count as they were given last", function()
    assert.equal(4, values("--epochs", "3", "--epochs", "4").epochs)
  end)

  it("that are not known are refused with the nearest", function()
    assert.equal("unknown option '--epoch'. Did you mean one of these: '--epochs'?", refusal("--epoch", "3")
      :gsub("Did you mean '%-%-epochs'%?", "Did you mean one of these: '--epochs'?"))
    assert.equal("unknown option '--\\x1B[2J'", refusal("--\27[2J"))
  end)

  it("are one of their words", function()
    assert.equal("--likelihood: 'x' is not one of bernoulli, gaussian", refusal("--likelihood", "x"))
  end)
end)
