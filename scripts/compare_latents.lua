-- compare_latents.lua: an autoencoder and a VAE with two latent dimensions, trained on the same images, side by side:
-- why the VAE's latent space is continuous and the autoencoder's has holes. `lua scripts/compare_latents.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local networks = require "genlat.models.networks"
local images, scatter, base64, train = gl.plot.images, gl.plot.scatter, gl.plot.base64, gl.train

local GRID, MAP_POINTS, SHARE = 20, 4000, 0.98

local function steps_per_second(rate) return ("%.0f steps/s"):format(rate) end

local function train_model(name, model, data, o, say)
  local optimizer = gl.optim.Adam(model, {lr = o.lr})
  local steps = data.train:steps(o.batch)
  local progress = train.progress.new(not o.quiet)
  progress:start(o.epochs * steps)
  for epoch = 1, o.epochs do
    for step, x in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch} do
      local loss = model:loss(x)
      optimizer:zero_grad()
      loss.loss:backward()
      optimizer:step()
      progress:update(name, (epoch - 1) * steps + step, steps_per_second, "")
    end
  end
  progress:clear()
  say("%s: test loss %s nats per image", name, train.losses.text(model)(train.evaluate(model, data.test)))
end

-- The bounds of the middle part of some numbers, outliers left out.
local function middle(values)
  table.sort(values)
  local cut = math.floor(#values * (1 - SHARE) / 2)
  return values[1 + cut], values[#values - cut]
end

-- The images that the decoder makes of a regular grid over the part of the plane where the encoder puts images.
local function decoded_grid(model, z)
  local x0, x1 = middle(z:select(2, 1):totable())
  local y0, y1 = middle(z:select(2, 2):totable())
  local points = {}
  for row = 0, GRID - 1 do
    for column = 0, GRID - 1 do
      points[#points + 1] = {x0 + (x1 - x0) * (column + 0.5) / GRID, y1 - (y1 - y0) * (row + 0.5) / GRID}
    end
  end
  return images.grid(model:decode(gl.tensor(points)), {columns = GRID, gap = 0, scale = 1})
end

local function map_panel(title, z, labels, caption, prior)
  local x, y, label = z:select(2, 1):totable(), z:select(2, 2):totable(), labels:totable()
  for i = 1, #label do
    label[i] = math.tointeger(label[i])
  end
  return {x = x, y = y, label = label, title = title, xlabel = "z1", ylabel = "z2", prior = prior, caption = caption}
end

local function image_panel(folder, name, sheet, caption)
  local path = folder .. "/" .. name
  train.check(gl.write_png(path, sheet))
  local file = assert(io.open(path, "rb"))
  local uri = "data:image/png;base64," .. base64.encode(file:read "a")
  file:close()
  return {image = uri, caption = caption}
end

train.main(function()
  local options = train.options.new("compare_latents",
    "Trains an autoencoder and a VAE with 2-D latent spaces and puts their maps side by side.", {
      run = "compare", epochs = 10, hidden = {512, 256},
    })
  local o = options:parse(arg).values
  local function say(...)
    if not o.quiet then print(string.format(...)) end
  end
  if o.threads then gl.threads(o.threads) end
  local folder = o.out or "runs/compare"
  train.check(gl.core.mkdirs(folder))
  local data = train.check(train.load(o))

  local panels, below = {}, {}
  for _, kind in ipairs {
    {"autoencoder", "Autoencoder",
      "Nothing says where images should lie: it spreads them out in arms, with empty space between."},
    {"vae", "VAE", "The KL pulls all images towards N(0, I) (circles at 1 and 2 standard deviations): no holes."},
  } do
    gl.seed(o.seed)
    local model = gl.models[kind[1]] {image = data.shape, hidden = o.hidden, latent = 2}
    train_model(kind[2], model, data, o, say)
    model:eval()
    gl.no_grad(function()
      local z, labels = gl.latent.space(model):encode_split(data.test, MAP_POINTS)
      panels[#panels + 1] = map_panel(kind[2], z, labels, kind[3], kind[1] == "vae")
      below[#below + 1] = image_panel(folder, kind[1] .. "_grid.png", decoded_grid(model, z),
        ("Decoded from a regular grid over the map above (its middle %d %%)."):format(SHARE * 100))
    end)
  end
  table.move(below, 1, #below, #panels + 1, panels)
  panels.columns, panels.classes = 2, data.classes
  panels.title = "The latent spaces of an autoencoder and a VAE"
  panels.subtitle = ("%s, %d test images; both networks %s-2-%s, %d epochs"):format(data.name, MAP_POINTS,
    table.concat(o.hidden, "-"), table.concat(networks.mirrored(o.hidden), "-"), o.epochs)
  local path = folder .. "/compare_latents.svg"
  train.check(gl.core.write_file(path, scatter.panels(panels)))
  print(path)
end)
