-- invert.lua: finds the latent vectors of given images and shows what is lost. `lua scripts/invert.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local folder = require "genlat.data.folder"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local latent, sheet, lines, train = gl.latent, gl.plot.sheet, gl.plot.lines, gl.train
local whole, number = train.options.whole, train.options.number

local SHOWN = 16 -- images in the picture

-- What each method is, below its name in the picture.
local NOTES = {encoder = "as encoded", optimize = "best of %d starts", both = "optimized from the encoder's vector"}

-- "1-8,20" as a list of whole numbers.
local function numbers(text)
  local list = {}
  for part in (text .. ","):gmatch "([^,]*)," do
    local first, last = part:match "^(%d+)%-?(%d*)$"
    first = math.tointeger(tonumber(first))
    last = last ~= "" and math.tointeger(tonumber(last)) or first
    if not first or first < 1 or last < first or last - first > 9999 then
      return nil, ("'%s' is not a list of numbers such as 3 or 1-8,20"):format(text)
    end
    for i = first, last do
      list[#list + 1] = i
    end
  end
  return list
end

local function define(command)
  command.parser:argument("images", "PNG files, brought to the model's size and channels"):args("*")
    :convert(train.options.path)
  command:add("--test-images", {metavar = "NUMBERS", default = "1-8", convert = numbers,
    help = "test images instead, such as 3 or 1-8,20"})
  command:add("--method", {metavar = "HOW", choices = {"encoder", "optimize", "both", "all"},
    help = "encoder; optimize: from draws of the prior; both: from what the encoder says; all: compare them "
      .. "(all where the model has an encoder, else optimize)"})
  command:add("--restarts", {default = 8, convert = whole(1), help = "draws of the prior to optimize from"})
  command:add("--steps", {default = 300, convert = whole(1), help = "steps of the optimization"})
  command:add("--lambda", {default = 1, convert = number(0), metavar = "WEIGHT",
    help = "weight of the prior; more: more usual vectors, less like the image"})
  command:add("--class", {metavar = "CLASS", help = "class of the images, for a conditional model (the best of all)"})
  command.parser:epilog("Writes invert.svg (the images and what the model makes of their latent vectors), "
    .. "invert_loss.svg and latents.safetensors (z, and labels of a conditional model), and prints for each image the "
    .. "PSNR by each method in dB, and how usual its vector is for the prior (for an autoencoder, which has none, the "
    .. "Gaussian fitted to its latent vectors): the share of draws whose length is less probable, and the length "
    .. "beside the range that 95 % of draws have. A VAE's vectors are short where it leaves dimensions unused.")
end

-- The images, N x H x W x C, and their names.
local function load_images(space, options)
  local h, w, c = table.unpack(space.image)
  if #options.images > 0 then
    local x = train.check(folder.read(options.images, {size = {h, w}, channels = c}))
    local names = {}
    for i, path in ipairs(options.images) do
      names[i] = path:match("([^/]+)%.[^.]*$") or path
    end
    return x:float() / 255, names
  end
  local list, split, names = options.test_images, space.data.test, {}
  if table.concat(space.data.shape, " x ") ~= table.concat(space.image, " x ") then
    explore.fail(options, "--data", "%s has images of %s, the model of %s", space.data.name,
      table.concat(space.data.shape, " x "), table.concat(space.image, " x "))
  end
  if type(list) == "string" then list = numbers(list) end
  for i, n in ipairs(list) do
    if n > split.count then
      explore.fail(options, "--test-images", "there are %d test images, no number %d", split.count, n)
    end
    names[i] = "test " .. n
  end
  return gl.core.batch(split.images, gl.tensor(list), 1, #list), names
end

local function methods_of(space, options)
  local method = options.method
  if method and method ~= "all" then
    if method ~= "optimize" and not space:has_encoder() then
      explore.fail(options, "--method", "a %s has no encoder: optimize", space.model:name())
    end
    return {method}
  end
  return space:has_encoder() and {"encoder", "optimize", "both"} or {"optimize"}
end

local function run_methods(space, x, methods, options)
  local found, progress = {}, train.progress.new(true)
  for i, method in ipairs(methods) do
    local started = false
    found[i] = latent.invert(space, x, {
      method = method, restarts = options.restarts, steps = options.steps, lambda = options.lambda,
      labels = explore.label(space, options),
      progress = function(done, total)
        if not started then progress:start(total, done) end
        started = true
        progress:update(method, done, function(rate) return ("%.0f steps/s"):format(rate) end, "")
      end,
    })
  end
  progress:clear()
  return found
end

-- Of each image the result with the least loss: {z = N x latent, images =, labels = N or nil, method = {names}}.
local function best_of(found, n)
  local rows, best = {z = {}, images = {}, labels = {}}, {method = {}}
  for i = 1, n do
    local choice = found[1]
    for _, result in ipairs(found) do
      if result.loss[i]:item() < choice.loss[i]:item() then choice = result end
    end
    best.method[i] = choice.method
    for key, list in pairs(rows) do
      list[i] = choice[key] and choice[key][i]
    end
  end
  for key, list in pairs(rows) do
    best[key] = list[1] and gl.core.stack(list)
  end
  return best
end

local function print_table(space, names, found, best, usual)
  local width = #"image"
  for _, name in ipairs(names) do width = math.max(width, #name) end
  local line = {("%-" .. width .. "s"):format("image")}
  for _, result in ipairs(found) do line[#line + 1] = ("%9s"):format(result.method) end
  if best.labels then line[#line + 1] = "class" end
  print(table.concat(line, "  ") .. ("  usual  length (%.2f to %.2f)"):format(usual.least, usual.most))
  for i, name in ipairs(names) do
    line = {("%-" .. width .. "s"):format(name)}
    for _, result in ipairs(found) do line[#line + 1] = ("%6.2f dB"):format(result.psnr[i]:item()) end
    if best.labels then
      line[#line + 1] = ("%-5s"):format(space.classes[math.tointeger(best.labels[i]:item())])
    end
    local length = usual.length[i]:item()
    local word_for = length < usual.least and "  short" or length > usual.most and "  long" or ""
    print(("%s  %5.3f  %.2f%s"):format(table.concat(line, "  "), usual.share[i]:item(), length, word_for))
  end
end

local function picture(space, x, names, found, best, options)
  local n = math.min(#x, SHOWN)
  local function head(t) return t:slice(1, 1, n) end
  local rows = {{name = "image", images = head(x)}}
  for _, result in ipairs(found) do
    rows[#rows + 1] = {
      name = result.method, images = head(result.images),
      note = ("%s, %.2f dB"):format(NOTES[result.method]:format(options.restarts), result.psnr:mean():item()),
    }
  end
  rows[#rows + 1] = {
    name = "difference", note = #found > 1 and "of the one with the least loss" or nil,
    images = head((x - best.images):abs()),
  }
  local columns = {}
  for i = 1, n do
    columns[i] = #names[i] <= 9 and names[i] or tostring(i)
  end
  return sheet.svg {
    title = "Images and what their latent vectors give back", rows = rows, columns = columns,
    subtitle = ("%s, a %s with %d latent dimensions"):format(options.run, space.model:name(), space.latent),
    foot = n < #x and ("The first %d of %d images."):format(n, #x) or nil,
  }
end

-- The loss along the optimization, on average over images.
local function loss_picture(found, options)
  local series = {}
  for _, result in ipairs(found) do
    if result.trace then
      local x, y = {}, result.trace:mean(2):totable()
      for i = 1, #y do
        x[i] = i - 1
      end
      series[#series + 1] = {name = result.method, x = x, y = y}
    end
  end
  return series[1] and lines.svg {
    title = "Looking for latent vectors", series = series, xlabel = "step", ylabel = "loss, nats per image",
    subtitle = ("mean over images of the best so far; the prior's weight is %g"):format(options.lambda),
  }
end

local function save_latents(names, best, options)
  local path = options.out .. "/latents.safetensors"
  train.check(safetensors.save(path, {z = best.z, labels = best.labels}, {
    format = "genlat latents", notes = json.encode {run = options.run, names = names, method = best.method},
  }))
  print(path)
end

explore.main("invert", "Finds the latent vectors of given images, and shows what of the images is in them.", define,
  function(space, options)
    local x, names = load_images(space, options)
    local found = run_methods(space, x, methods_of(space, options), options)
    local best = best_of(found, #x)
    print_table(space, names, found, best, latent.typicality(space, best.z))
    explore.save_text(options, "invert.svg", picture(space, x, names, found, best, options))
    local losses = loss_picture(found, options)
    if losses then explore.save_text(options, "invert_loss.svg", losses) end
    save_latents(names, best, options)
  end)
