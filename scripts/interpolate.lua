-- interpolate.lua: walks between images through a trained model's latent space. `lua scripts/interpolate.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local argparse = require "argparse"
local gl = require "genlat"
local latent, images, train = gl.latent, gl.plot.images, gl.train
local whole = train.options.whole

-- The two ends of each walk, as latent vectors: test images by their numbers, or points drawn from the prior.
local function choose_ends(model, data, options)
  if options.prior then
    return gl.randn(options.pairs, model.latent), gl.randn(options.pairs, model.latent)
  end
  local split = data.test
  local from, to = options.from, options.to
  local order = gl.randperm(split.count, options.seed)
  local numbers = {from = {}, to = {}}
  for i = 1, options.pairs do
    numbers.from[i] = from or order[2 * i - 1]:item()
    numbers.to[i] = to or order[2 * i]:item()
  end
  local function encode(list)
    local labels = split.labels and split.labels:index_select(gl.tensor(list))
    return model:encode(gl.core.batch(split.images, gl.tensor(list), 1, #list), labels)
  end
  return encode(numbers.from), encode(numbers.to)
end

-- The label that a conditional model draws along each walk: each class in turn, `steps` times; nil for other models.
local function labels_of(model, count, steps)
  local classes = model.config.classes
  if not classes then return nil end
  local list = {}
  for i = 0, count * steps - 1 do
    list[#list + 1] = math.floor(i / steps) % classes + 1
  end
  return gl.tensor(list)
end

-- The walks between two batches of ends, one below the other.
local function walks(method, from, to, steps)
  local rows = {}
  for i = 1, #from do
    rows[i] = latent[method](from[i], to[i], steps)
  end
  return gl.cat(rows)
end

local function check_number(name, number, count)
  if number and number > count then
    error(("interpolate: %s: there are %d test images, no number %d"):format(name, count, number), 0)
  end
end

train.main(function()
  local parser = argparse("interpolate", "Walks between images through a trained model's latent space.")
  parser:argument("run", "the run's folder, such as runs/vae")
  parser:option("--steps", "images along a walk (10)"):convert(whole(2)):default "10":show_default(false)
  parser:option("--pairs", "walks in the grid (8)"):convert(whole(1)):default "8":show_default(false)
  parser:option("--from", "number of the test image to start at (random)"):convert(whole(1))
  parser:option("--to", "number of the test image to end at (random)"):convert(whole(1))
  parser:option("--data", "data set to take images from (the run's own)")
  parser:flag("--prior", "walk between points of the prior instead of images (GANs always do)")
  parser:option("--seed", "of all random choices (1)"):convert(whole(0)):default "1":show_default(false)
  parser:option("--out", "folder for the pictures (the run's)")
  parser:epilog("Writes interpolation.png, one walk, linear above and spherical below, and interpolation_grid.png. A "
    .. "conditional model draws the first class in the one and a class a row in the other.")
  local ok, options = parser:pparse(arg)
  if not ok then train.options.fail("interpolate", options) end

  local model, notes = gl.models.load(options.run)
  train.check(model, notes)
  if not model.decode then error(("interpolate: %s: a %s makes no images"):format(options.run, model:name()), 0) end
  gl.seed(options.seed)
  options.prior = options.prior or not model.encode -- a GAN has no encoder
  local data = not options.prior and train.check(train.load {
    data = options.data or notes.options.data, size = notes.options.size,
  })
  if data then
    check_number("--from", options.from, data.test.count)
    check_number("--to", options.to, data.test.count)
  end
  local out = options.out or options.run
  train.check(gl.core.mkdirs(out))

  gl.no_grad(function()
    local from, to = choose_ends(model, data, options)
    local function save(name, z, labels)
      local sheet = images.grid(model:decode(z, labels), {columns = options.steps})
      train.check(gl.write_png(out .. "/" .. name, sheet))
      print(out .. "/" .. name)
    end
    local first, last = from:slice(1, 1, 1), to:slice(1, 1, 1)
    save("interpolation.png", gl.cat {
      walks("lerp", first, last, options.steps), walks("slerp", first, last, options.steps),
    }, model.config.classes and gl.ones(2 * options.steps))
    save("interpolation_grid.png", walks("slerp", from, to, options.steps),
      labels_of(model, options.pairs, options.steps))
  end)
end)
