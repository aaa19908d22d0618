-- Images as a few bytes.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local range_coder = require "genlat.latent.range_coder"
local compress, latent = gl.latent.compress, gl.latent

local function near(a, b, tolerance) assert.is_true((a - b):abs():max():item() <= (tolerance or 1e-6)) end

-- A space of small random images, their encoder's latent vectors spread as those of a trained model are.
local function space_of(kind, more)
  gl.seed(8)
  local config = {image = {8, 8, 1}, hidden = {16}, latent = 3}
  for key, value in pairs(more or {}) do config[key] = value end
  local space = latent.space(gl.models[kind](config))
  if space:has_encoder() then
    local x = gl.rand(500, table.unpack(space.image))
    local z = space:encode(x, space:labels(500))
    gl.no_grad(function()
      local last = kind == "autoencoder" and space.model.to_latent or space.model.mean
      last.weight:mul_(1 / z:std():item())
    end)
  end
  return space, gl.rand(40, table.unpack(space.image))
end

-- What has to come back: the images decoded from rounded latent vectors.
local function rounded(space, x, labels, step)
  local z = space:encode(x, labels)
  return space:decode(space:unstandardize((space:standardize(z) / step):round() * step), labels)
end

-- bytes with their hash made right again, after they were changed.
local function resealed(bytes)
  return bytes:sub(1, 4) .. string.pack("<I4", gl.core.hash(bytes:sub(9)) & 0xFFFFFFFF) .. bytes:sub(9)
end

describe("compress", function()
  for _, kind in ipairs {"vae", "autoencoder", "cvae"} do
    it("gives back the images of a " .. kind .. "'s rounded latent vectors", function()
      local space, x = space_of(kind, {image = {8, 6, 3}, classes = kind == "cvae" and 4 or nil})
      if kind == "autoencoder" then
        gl.no_grad(function() space.model:fit_sampler(gl.randn(900, 3) * gl.tensor {1, 2, 0.5} + 1) end)
      end
      local labels = kind == "cvae" and (gl.rand(40) * 3.99):floor() + 1 or nil
      for _, step in ipairs {0.125, 0.5, 1} do
        local bytes = compress.encode(space, x, labels, {step = step})
        local y, its = assert(compress.decode(space, bytes))
        near(rounded(space, x, labels, step), y, 1e-5)
        if labels then near(labels, its) else assert.is_nil(its) end
      end
      assert.equal(compress.encode(space, x, labels, {step = 0.5}), compress.encode(space, x, labels))
    end)
  end

  it("takes few bytes more than the entropy of the rounded numbers, and its head", function()
    local space = space_of "vae"
    local x, bits = gl.rand(2000, 8, 8, 1), 0
    local k = (space:encode(x) / 0.25):round()
    for i = 1, 3 do
      local counts = {}
      for _, value in ipairs(k:select(2, i):totable()) do counts[value] = (counts[value] or 0) + 1 end
      for _, n in pairs(counts) do bits = bits - n * math.log(n / 2000, 2) end
    end
    local excess = #compress.encode(space, x, nil, {step = 0.25}) - bits / 8
    assert.is_true(excess > 0 and excess < bits / 8 * 0.03 + 26, ("%.0f of %.0f bytes"):format(excess, bits / 8))
  end)

  it("begins with what the prior says: a single image costs its information", function()
    local space = space_of("vae", {latent = 60})
    local x, bits, step = gl.rand(1, 8, 8, 1), 0, 0.25
    space.encode = function() return gl.randn(1, 60):clamp(-2.9, 2.9) end
    gl.seed(6)
    local bytes = #compress.encode(space, x, nil, {step = step})
    gl.seed(6)
    for _, k in ipairs((space:encode(x) / step):round()[1]:totable()) do
      bits = bits - math.log(step / math.sqrt(2 * math.pi) * math.exp(-(k * step) ^ 2 / 2), 2)
    end
    local even = 60 * math.log(25, 2)
    assert.is_true(bytes - 25 < bits / 8 * 1.06 and bits < 0.93 * even, ("%d, %.1f"):format(bytes - 25, bits / 8))
  end)

  it("finds the label that fits an image best where none is given", function()
    local space = space_of("cvae", {classes = 3})
    gl.no_grad(function() -- images that only the label says: dark, grey, bright
      local output = space.model.decoder[#space.model.decoder - 1]
      for _, module in ipairs(space.model.decoder) do
        if module.weight then output = module end
      end
      output.weight:mul_(0.01)
      space.model.decoder[1].weight:slice(2, 4, 6):copy_(gl.tensor {{-9, 0, 9}}:expand(16, 3))
      output.weight:add_(0.1)
    end)
    local labels = gl.tensor {3, 1, 2, 2, 1, 3}
    local x = space:decode(gl.zeros(6, 3), labels)
    local _, found = compress.decode(space, compress.encode(space, x))
    assert.same(labels:totable(), found:totable())
  end)

  it("finds the latent vectors of a GAN, which has no encoder", function()
    local space = space_of("gan", {hidden = {16}, latent = 2})
    local x = space:decode(gl.randn(3, 2))
    local y = compress.decode(space, compress.encode(space, x, nil, {step = 1 / 64}))
    assert.is_true((x - y):square():mean():item() < 0.01 * (x - x:mean(1)):square():mean():item())
  end)

  it("refuses the file of another model, or what is no such file", function()
    local space, x = space_of "vae"
    local bytes = compress.encode(space, x)
    local function refused(text, other)
      local y, message = compress.decode(other or space, text)
      assert.is_nil(y)
      return message
    end
    local other = space_of "vae"
    assert(compress.decode(other, bytes)) -- the same seed made the same model
    gl.no_grad(function() other.model.mean.bias:add_(1e-6) end)
    assert.equal("the images were compressed with another model than this one", refused(bytes, other))
    assert.equal("this is no file of compressed images", refused(""))
    assert.equal("this is no file of compressed images", refused("PNG and more of it, much more of it"))
    assert.equal("the file of compressed images is cut off", refused(bytes:sub(1, 12)))
    assert.equal("the compressed images are damaged", refused(bytes:sub(1, -2)))
    assert.equal("the compressed images are damaged", refused(bytes .. "\0"))
  end)

  it("never fails, hangs or takes much memory for a damaged file whose hash is right", function()
    local space, x = space_of("cvae", {classes = 3})
    local bytes = compress.encode(space, x, gl.ones(40))
    local before, read = gl.memory().peak, 0
    local function try(text)
      local y, message = compress.decode(space, resealed(text))
      if y then read = read + 1 end
      assert.is_true(y ~= nil or type(message) == "string")
      assert.is_true(not y or #y <= 8 * #text)
    end
    for place = 9, #bytes do
      for _, bit in ipairs {0, 3, 7} do
        try(bytes:sub(1, place - 1) .. string.char(bytes:byte(place) ~ 1 << bit) .. bytes:sub(place + 1))
      end
      try(bytes:sub(1, place))
    end
    for _, number in ipairs {"\255\255\255\255\127", "\255\255\255\255\255\255\255\255\127", "\0", "\255"} do
      for place = 17, 25 do try(bytes:sub(1, place - 1) .. number .. bytes:sub(place + 1)) end
    end
    assert.is_true(read > 20) -- wrong images, no more
    assert.is_true(gl.memory().peak < before + 2^24)
  end)

  it("checks each number of the head", function()
    local space, x = space_of("cvae", {classes = 3})
    local bytes = compress.encode(space, x:slice(1, 1, 7), gl.ones(7), {step = 0.5})
    local numbers = {7, 8, 8, 1, 3, 3, 32768}
    local head = "\7\8\8\1\3\3\128\128\2"
    assert.equal(head, bytes:sub(17, 16 + #head))
    local most = bytes:byte(17 + #head)
    local function try(place, value)
      local list, out = {table.unpack(numbers)}, ""
      list[8] = most
      list[place] = value
      for _, number in ipairs(list) do
        while number > 127 do
          out, number = out .. string.char(number & 127 | 128), number >> 7
        end
        out = out .. string.char(number)
      end
      local text = resealed(bytes:sub(1, 16) .. out .. bytes:sub(18 + #head))
      local y, message = compress.decode(space, text)
      assert.is_true(y == nil or place == 8 or place == 1, "number " .. place)
      return message
    end
    assert.same({7}, {#compress.decode(space, bytes)})
    for place = 2, 6 do
      for _, value in ipairs {0, 2, 9, 1 << 34} do assert.matches("shape and latent dimensions", try(place, value)) end
    end
    for _, value in ipairs {0, 511, (64 << 16) + 1, 1 << 34} do assert.matches("step or numbers", try(7, value)) end
    for _, value in ipairs {1024, 1 << 34} do assert.matches("step or numbers", try(8, value)) end
    for _, value in ipairs {0, 2000, 1 << 34} do assert.matches("cannot hold %d+ compressed images", try(1, value)) end
    assert.equal("the compressed images are damaged", try(1, 1 << 36))
  end)

  it("holds values at 1023 steps", function()
    local space, x = space_of "vae"
    space.encode = function() return gl.tensor {{100, 0, -5}} end
    local y = compress.decode(space, compress.encode(space, x:slice(1, 1, 1), nil, {step = 1 / 128}))
    near(space:decode(gl.tensor {1023 / 128, 0, -5}), y)
  end)

  it("holds at most 8 images a byte, also where they cost nothing", function()
    local space, x = space_of "vae"
    local same = x:slice(1, 1, 1):expand(4000, 8, 8, 1)
    local small = compress.encode(space, same, nil, {step = 64})
    assert.is_true(#small >= 4000 // 8)
    assert.equal(4000, #compress.decode(space, small))
  end)

  it("explains mistakes", function()
    local space, x = space_of "vae"
    local function says(text, ...)
      local arguments = table.pack(...)
      assert.error_matches(function() compress.encode(table.unpack(arguments, 1, arguments.n)) end, text, 1, true)
    end
    says("expected images N x 8 x 8 x 1, got 2x8x8x3", space, gl.zeros(2, 8, 8, 3))
    says("step is a number from 1/128 to 64 standard deviations, not 0", space, x, nil, {step = 0})
    local conditional = space_of("cvae", {classes = 3})
    says("a class is 1 to 3, not 4.0", conditional, x:slice(1, 1, 1), gl.tensor {4})
    says("40 images, 2 labels", conditional, x, gl.tensor {1, 2})
    assert.error_matches(function() compress.decode(space, 3) end, "expected bytes, got number")
    assert.error_matches(function() compress.downsample(x, 3, 8) end, "3 does not divide images of 8 x 8")
    assert.error_matches(function() compress.downsample(x, 2, 70) end, "downsample: bits is a whole number from 1 to 8")
    assert.is_true((compress.downsample(x - 1, 2, 8)) > 0)
  end)
end)

describe("downsample", function()
  it("gives the means of parts, rounded to levels, enlarged", function()
    local x = gl.tensor {0.1, 0.3, 0.5, 0.9}:reshape(1, 2, 2, 1):upsample_nearest2d(4)
    local bytes, y = compress.downsample(x, 4, 8)
    assert.is_true(bytes < 30)
    local small = (gl.tensor {0.1, 0.3, 0.5, 0.9} * 255):round() / 255
    near(small:reshape(1, 2, 2, 1):upsample_bilinear2d(4), y)
    assert.same({0, 1}, {select(2, compress.downsample(x, 8, 1)):min():item(),
      select(2, compress.downsample(x + 0.3, 8, 1)):max():item()})
  end)

  it("takes the fewer bytes of counts of its own for each place and the same for all", function()
    gl.seed(2)
    local places = gl.rand(1, 4, 4, 1):gt(0.5):float():expand(600, 4, 4, 1) -- each place always the same
    local noise = gl.rand(20, 4, 4, 1) -- all places alike, too few images to learn each
    local function coded(x, shared)
      local encoder, counts = range_coder.encoder(), {}
      for _, row in ipairs((x:avg_pool2d(2) * 15):round():flatten(2):totable()) do
        for i, value in ipairs(row) do
          local key = shared and 1 or i
          counts[key] = counts[key] or range_coder.counts {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
          counts[key]:encode(encoder, math.tointeger(value) + 1)
        end
      end
      return #encoder:finish()
    end
    assert.is_true(coded(places, false) < coded(places, true) and coded(noise, true) < coded(noise, false))
    assert.is_true((compress.downsample(places, 2, 4)) < coded(places, true))
    assert.equal(coded(noise, true), (compress.downsample(noise, 2, 4)) - 4 - 4 - 7)
  end)
end)

describe("rate and distortion", function()
  it("are those of the files that encode makes", function()
    local space = space_of("vae", {image = {12, 12, 1}})
    local x = gl.rand(30, 12, 12, 1)
    local result = compress.rate_distortion(space, x, nil, {steps = {0.25, 1}})
    for i, step in ipairs {0.25, 1} do
      local p, bytes = result.latents[i], compress.encode(space, x, nil, {step = step})
      local y = compress.decode(space, bytes)
      assert.equal(#bytes / 30, p.bytes)
      assert.equal(step, p.step)
      assert.is_true(math.abs(p.mse - (x - y):square():mean():item()) < 1e-6)
      near(y:slice(1, 1, 12), p.images, 1e-6)
      assert.is_true(p.ssim < 1 and p.psnr > 0)
      local alone = 0
      for k = 1, 20 do alone = alone + #compress.encode(space, x:slice(1, k, k), nil, {step = step}) / 20 end
      assert.is_true(math.abs(alone - p.alone) < 1e-9)
    end
    assert.is_true(math.abs(result.exact.mse - (x - space.model:reconstruct(x)):square():mean():item()) < 1e-6)
    local one = 0
    for i = 1, 30 do one = one + #gl.core.png_encode(x[i]) / 30 end
    assert.is_true(math.abs(one - result.png) < 1e-9)
    local sheet = gl.plot.images.grid(x, {columns = 6, gap = 0, scale = 1})
    assert.equal(#gl.core.png_encode(sheet) / 30, result.png_sheet)
    assert.is_true(compress.rate_distortion(space, x:slice(1, 1, 29), nil, {steps = {1}}).png_sheet > 0)
    for i = 2, #result.downsampled do
      local a, b = result.downsampled[i - 1], result.downsampled[i]
      assert.is_true(a.bytes <= b.bytes and a.mse > b.mse)
    end
  end)
end)

describe("genlat.latent", function()
  it("does not depend on plotting", function()
    local loaded, errors, status = shell.program [[
      for _ in pairs(require "genlat.latent") do end
      for name in pairs(package.loaded) do
        if name:find "^genlat%.plot" then print(name) end
      end
      print(package.loaded["genlat.latent.compress"] ~= nil)
    ]]
    assert.same({"true\n", "", 0}, {loaded, errors, status})
  end)
end)
