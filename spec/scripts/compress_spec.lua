-- compress.lua, as a user runs it.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, run, work
setup(function()
  data, run, work = shell.small_data(300, 60), Folder.new(), Folder.new()
  local _, errors, status = shell.script("train_vae.lua",
    ("--data '%s' --out '%s' --hidden 16 --latent 4 --epochs 2 --quiet"):format(data.name, run.name))
  assert(status == 0, errors)
end)
teardown(function()
  data:remove()
  run:remove()
  work:remove()
end)

local function compress(arguments, ...)
  return shell.script("compress.lua", ("'%s' --threads 1 "):format(run.name) .. arguments:format(...))
end

describe("compress.lua", function()
  it("prints what steps take and lose, beside PNG and smaller images, and draws it", function()
    local output, errors, status = compress("--images 50 --steps 0.5,2 --out '%s'", work.name)
    assert.equal("", errors)
    assert.equal(0, status)
    local table_of = {}
    for line in output:gmatch "[^\n]+" do
      local bytes, bits, mse = line:sub(23):match "^%s+([%d.]+)%s+([%d.]+)%s+([%d.]+) "
      if mse then table_of[line:sub(1, 22):match "^(.-) *$"] = {tonumber(bytes), tonumber(bits), tonumber(mse)} end
    end
    local coarse, fine = table_of["latents, step 2"], table_of["latents, step 0.5"]
    assert.is_true(coarse[1] < fine[1])
    assert.is_true(math.abs(fine[2] - fine[1] * 8 / 784) < 1e-4)
    assert.equal(0, table_of["PNG, each"][3])
    local set, space = gl.data.load(data.name), gl.load(run.name)
    local x = set.test:head(50)
    local bytes = #gl.latent.compress.encode(space, x, nil, {step = 0.5})
    assert.equal(("%.2f"):format(bytes / 50), ("%.2f"):format(fine[1]))
    local y = space:decode((space:encode(x) * 2):round() / 2)
    assert.is_true(math.abs(fine[3] - (x - y):square():mean():item()) < 2e-5)
    assert.matches("step 0.5: [%d.]+ bytes an image, %d+ in a file of its own; ", output)
    for _, name in ipairs {"rate_distortion.svg", "compress_examples.svg"} do
      assert.matches(work:path(name), output, 1, true)
      assert.matches("^<svg", work:read(name))
    end
    assert.matches(">smaller images<", work:read "rate_distortion.svg", 1, true)
    assert.matches("bytes as PNG", work:read "compress_examples.svg", 1, true)
    local before = work:read "rate_distortion.svg"
    assert.equal(output, (compress("--images 50 --steps 0.5,2 --out '%s'", work.name)))
    assert.equal(before, work:read "rate_distortion.svg")
  end)

  it("writes files of few bytes from PNG files and reads them", function()
    local x = gl.data.load(data.name).test:head(3)
    assert(gl.core.mkdirs(work:path "in"))
    for i = 1, 3 do assert(gl.write_png(work:path(("in/%d.png"):format(i)), x[i])) end
    local output, errors = compress("--step 0.25 --encode '%s' '%s'", work:path "in", work:path "x.glz")
    assert.equal("", errors)
    local bytes = work:read "x.glz"
    assert.matches(("x.glz: 3 images, %d bytes %%(%%d+ bytes as PNG%%)"):format(#bytes), output)
    output, errors = compress("--decode '%s' '%s'", work:path "x.glz", work:path "out")
    assert.equal("", errors)
    assert.equal(work:path "out" .. ": 3 images\n", output)
    local space = gl.load(run.name)
    local z = (space:encode(x) / 0.25):round() * 0.25
    local y = gl.read_png(work:path "out/0002.png"):float() / 255
    assert.is_true((space:decode(z)[2] - y):abs():max():item() < 0.003)
    assert.matches("1 image, %d+ bytes", (compress("--encode '%s' '%s'", work:path "in/1.png", work:path "y.glz")))
  end)

  it("says in one line what it cannot do", function()
    work:write("bad.glz", "GLZ1 and then nothing that makes sense")
    work:write("bad.png", "no picture")
    assert(gl.core.mkdirs(work:path "empty"))
    for _, case in ipairs {
      {"--decode", "bad.glz", "compress: WORK/bad.glz: the compressed images are damaged"},
      {"--decode", "bad.png", "compress: WORK/bad.png: this is no file of compressed images"},
      {"--decode", "none", "compress: WORK/none: No such file or directory"},
      {"--encode", "bad.png", "WORK/bad.png: "},
      {"--encode", "empty", "compress: WORK/empty: there are no PNG files in it"},
      {"--step 0 --encode", "empty", "compress: --step: '0' is not a number from 1/128 to 64 (--help explains)"},
      {"--steps 1,x --encode", "empty", "compress: --steps: 'x' is not a number from 1/128 to 64 (--help explains)"},
    } do
      local output, errors, status = compress("%s '%s' '%s'", case[1], work:path(case[2]), work:path "o")
      local wanted = case[3]:gsub("WORK", function() return work.name end)
      assert.equal("", output)
      assert.equal(1, status)
      assert.equal(wanted, errors:sub(1, #wanted))
      assert.is_nil(errors:match "\n.")
    end
  end)
end)
