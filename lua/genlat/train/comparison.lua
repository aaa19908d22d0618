--- comparison.lua: what scripts/compare_latents.lua needs beside its loop: the two models as one module, their maps
-- side by side, and the report.

local base64 = require "genlat.plot.base64"
local core = require "genlat.core"
local images = require "genlat.plot.images"
local latent = require "genlat.latent"
local lines = require "genlat.plot.lines"
local networks = require "genlat.models.networks"
local nn = require "genlat.nn"
local report = require "genlat.report"
local results = require "genlat.train.results"
local scatter = require "genlat.plot.scatter"
local scope = require "genlat.scope"
local train = require "genlat.train"

local comparison = {}

local GRID, MAP_POINTS, SHARE = 20, 4000, 0.98

local CAPTIONS = {
  autoencoder = "Nothing says where images should lie: it spreads them out in arms, with empty space between.",
  vae = "The KL pulls all images towards N(0, I) (circles at 1 and 2 standard deviations): no holes.",
}
local TITLES = {autoencoder = "Autoencoder", vae = "VAE"}
local ORDER = {"autoencoder", "vae"}

--- What is measured of each: its loss.
comparison.MEASURES = ORDER

--- The two models, which are trained together: fields autoencoder and vae.
comparison.Pair = nn.class "Pair"

function comparison.Pair:init(autoencoder, vae) self.autoencoder, self.vae = autoencoder, vae end

--- "autoencoder 160.21, VAE 165.07"
function comparison.text(values) return ("autoencoder %.2f, VAE %.2f"):format(values.autoencoder, values.vae) end

--- The loss of each on a split.
function comparison.evaluate(pair, split)
  return {autoencoder = train.evaluate(pair.autoencoder, split).loss, vae = train.evaluate(pair.vae, split).loss}
end

-- Pictures and report -------------------------------------------------------------------------------------------------

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
  return images.grid(model:decode(core.tensor(points)), {columns = GRID, gap = 0, scale = 1})
end

local function map_panel(kind, z, labels)
  local label = labels and labels:totable()
  for i = 1, label and #label or 0 do
    label[i] = math.tointeger(label[i])
  end
  return {x = z:select(2, 1):totable(), y = z:select(2, 2):totable(), label = label, title = TITLES[kind],
    xlabel = "z1", ylabel = "z2", prior = kind == "vae", caption = CAPTIONS[kind]}
end

local function image_panel(path, sheet)
  train.check(core.write_png(path, sheet))
  local file <close> = assert(io.open(path, "rb"))
  return {image = "data:image/png;base64," .. base64.encode(file:read "a"),
    caption = ("Decoded from a regular grid over the map above (its middle %d %%)."):format(SHARE * 100)}
end

-- The picture of both maps, above what is decoded from them.
local function draw_maps(run, data)
  local panels, below, shown = {}, {}, 0
  for i, kind in ipairs(ORDER) do
    local model = run.model[kind]
    local z, labels = latent.space(model):encode_split(data.test, MAP_POINTS)
    shown = #z
    panels[i] = map_panel(kind, z, labels)
    below[i] = image_panel(("%s/%s_grid.png"):format(run.folder, kind), decoded_grid(model, z))
  end
  table.move(below, 1, #below, #panels + 1, panels)
  panels.columns, panels.classes = 2, data.classes
  panels.title = "The latent spaces of an autoencoder and a VAE"
  local hidden = run.values.hidden
  panels.subtitle = ("%s, %d test images; both networks %s-2-%s, %d epochs"):format(data.name, shown,
    table.concat(hidden, "-"), table.concat(networks.mirrored(hidden), "-"), #run.rows)
  return scatter.panels(panels)
end

local function draw_losses(run)
  local series = {}
  for _, kind in ipairs(ORDER) do
    for _, part in ipairs {"train", "test"} do
      local one = {name = ("%s, %s"):format(TITLES[kind], part), x = {}, y = {}, dash = part == "train"}
      for i, row in ipairs(run.rows) do
        one.x[i], one.y[i] = row.epoch, row[part][kind]
      end
      series[#series + 1] = one
    end
  end
  return lines.panels {columns = 1, width = 760,
    {title = "Loss", xlabel = "epoch", ylabel = "nats per image", series = series}}
end

local function write_all(run, data)
  local svg, test = {maps = draw_maps(run, data), loss = draw_losses(run)}, run:last_test()
  local function write(name, text) train.check(core.write_file(run.folder .. "/" .. name, text)) end
  write("compare_latents.svg", svg.maps)
  write("loss.svg", svg.loss)
  write("report.html", train.check(report.html {
    title = results.title(run), model = "Autoencoder and VAE",
    subtitle = results.subtitle(run, data),
    facts = results.facts(run, data, {
      {"test loss of the autoencoder", ("%.2f nats per image (reconstruction)"):format(test.autoencoder)},
      {"test loss of the VAE", ("%.2f nats per image (reconstruction + KL)"):format(test.vae)},
    }),
    sections = {
      {title = "Latent maps", text = "Each dot is a test image at the place where the encoder puts it; below, what the "
        .. "decoder makes of places all over the map.", svg = svg.maps},
      {title = "Loss", text = "By epoch, in training and on the test images, in nats per image.", svg = svg.loss},
    },
    files = {
      {"autoencoder.safetensors", "the trained autoencoder"}, {"vae.safetensors", "the trained VAE"},
      {"checkpoint.safetensors", "where --resume goes on"}, {"log.csv", "losses by epoch"},
      {"compare_latents.svg", "the maps"}, {"autoencoder_grid.png", "decoded by the autoencoder"},
      {"vae_grid.png", "decoded by the VAE"}, {"loss.svg", "the loss curves"},
    },
  }))
end

--- comparison.results(data): a function for run:finish.
function comparison.results(data)
  return function(run) scope.run({recording = false}, write_all, run, data) end
end

return comparison
