-- compress.lua: images as a few bytes: measures how many and at what loss, writes such files and reads them. `--help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local chunks = require "genlat.chunks"
local explore = require "genlat.explore"
local folder = require "genlat.data.folder"
local scan = require "genlat.data.scan"
local text = require "genlat.text"
local compress, Options, train = gl.latent.compress, gl.train.options, gl.train

local EXPLANATION = [[
Images are encoded (GANs have no encoder: an optimizer finds latent vectors), their latent vectors rounded to multiples
of --step standard deviations (of the prior; of an autoencoder, which has none, of the Gaussian fitted to it) and
entropy-coded. Without --encode or --decode it measures rate and distortion of test images: bytes an image (of one file
with all of them, head included), mean squared error, PSNR, SSIM; beside that of PNG, which loses nothing, and of images
made smaller, rounded to few levels and coded by the same coder.
Writes rate_distortion.svg and compress_examples.svg. The model itself, which a reader needs too, is not counted.]]

local MANY, FEW, MANY_BYTES = 1000, 32, 16 * 1024 * 1024
local STEPS = {4, 2, 1, 0.5, 0.25, 0.125}

-- A converter to a step.
local function step_of(word)
  local step = Options.number(1 / 128, false, 64)(word)
  if not step then return nil, text.message("'%s' is not a number from 1/128 to 64", word) end
  return step
end

local function define(command)
  command.parser:epilog(EXPLANATION)
  command:add("--images", {convert = Options.whole(1),
    help = ("test images to measure with (%d, fewer of large ones; %d without an encoder)"):format(MANY, FEW)})
  command:add("--steps", {convert = explore.list(step_of), metavar = "LIST",
    help = ("steps to measure (%s)"):format(table.concat(STEPS, ","))})
  command:add("--step", {default = 0.5, convert = step_of, metavar = "STEP",
    help = "the step of --encode: the larger, the fewer bytes"})
  command:add("--encode", {args = 2, convert = Options.path, metavar = {"IN", "FILE"},
    help = "a PNG file, or all in a folder, to FILE (such as faces.glz); they are brought to the model's size"})
  command:add("--decode", {args = 2, convert = Options.path, metavar = {"FILE", "FOLDER"},
    help = "such a file to PNG files in a folder"})
end

-- A function that shows how far the search for latent vectors is; nil where an encoder gives them.
local function progress_bar(space)
  if space:has_encoder() then return nil end
  local bar, started = train.progress.new(true), false
  return function(done, total)
    if not started then bar:start(total, done) end
    started = true
    bar:update("finding latent vectors", done, function(rate) return ("%.0f steps/s"):format(rate) end, "")
    if done == total then bar:clear() end
  end
end

-- Files ---------------------------------------------------------------------------------------------------------------

-- The paths of the PNG files that a path names, sorted. Says what else is there.
local function png_files(path)
  if gl.core.file_kind(path) ~= "folder" then return {path} end
  local paths, left = scan.files(path)
  if not paths then error("compress: " .. left, 0) end
  if left then print(("%s: %s"):format(path, left)) end
  return paths
end

-- The images in the model's form, N x H x W x C.
local function read_images(paths, shape)
  local images = train.check(folder.read(paths, {size = {shape[1], shape[2]}, channels = shape[3]}))
  return images:float() / 255
end

local function file_size(path)
  local file = assert(io.open(path, "rb"))
  local size = file:seek "end"
  file:close()
  return size
end

local function encode_files(space, options)
  local from, to = table.unpack(options.encode)
  local paths = png_files(from)
  local bytes = compress.encode(space, read_images(paths, space.image), nil,
    {step = options.step, progress = progress_bar(space)})
  train.check(gl.core.write_file(to, bytes))
  local before = 0
  for _, path in ipairs(paths) do
    before = before + file_size(path)
  end
  print(("%s: %s, %s (%s as PNG)"):format(to, text.count(#paths, "image"), text.count(#bytes, "byte"),
    text.count(before, "byte")))
end

local function decode_files(space, options)
  local from, to = table.unpack(options.decode)
  local file, problem = io.open(from, "rb")
  if not file then error("compress: " .. problem, 0) end
  local bytes = file:read "a"
  file:close()
  if not bytes then error(("compress: %s: cannot be read"):format(from), 0) end
  local images, message = compress.decode(space, bytes)
  if not images then error(("compress: %s: %s"):format(from, message), 0) end
  train.check(gl.core.mkdirs(to))
  for i = 1, #images do
    train.check(gl.write_png(("%s/%04d.png"):format(to, i), images[i]))
  end
  print(("%s: %s"):format(to, text.count(#images, "image")))
end

-- Measuring -----------------------------------------------------------------------------------------------------------

local function step_name(point) return ("step %g"):format(point.step) end

local function small_name(point) return ("%d x %d, %d bits"):format(point.height, point.width, point.bits) end

local function bytes_text(bytes) return (bytes < 100 and "%.2f" or "%.0f"):format(bytes) end

local function print_table(space, result)
  local pixels = space.image[1] * space.image[2]
  local function line(name, bytes, p)
    print(("%-22s %10s %10s %10.5f %8s %7s"):format(name, bytes and bytes_text(bytes) or "",
      bytes and ("%.4f"):format(8 * bytes / pixels) or "", p.mse, p.psnr and ("%.2f"):format(p.psnr) or "inf",
      p.ssim and ("%.3f"):format(p.ssim) or ""))
  end
  print(("%-22s %10s %10s %10s %8s %7s"):format("", "bytes/image", "bits/pixel", "MSE", "PSNR/dB", "SSIM"))
  line("PNG, each", result.png, {mse = 0, ssim = 1})
  line("PNG, all in one", result.png_sheet, {mse = 0, ssim = 1})
  line("latents, not rounded", nil, result.exact)
  for _, p in ipairs(result.latents) do line("latents, " .. step_name(p), p.bytes, p) end
  for _, p in ipairs(result.downsampled) do line("smaller, " .. small_name(p), p.bytes, p) end
end

-- The first point that is at least as good; points are sorted by bytes.
local function as_good(points, psnr)
  for _, p in ipairs(points) do
    if p.psnr >= psnr then return p end
  end
end

local function compare(result)
  for _, p in ipairs(result.latents) do
    local other = as_good(result.downsampled, p.psnr)
    print(("step %g: %s bytes an image, %.0f in a file of its own; %s"):format(p.step, bytes_text(p.bytes), p.alone,
      other and ("smaller images as good take %s"):format(bytes_text(other.bytes)) or "no smaller images are as good"))
  end
end

local function series(name, points)
  local x, y = {}, {}
  for i, p in ipairs(points) do
    x[i], y[i] = p.bytes, p.psnr
  end
  return {name = name, x = x, y = y}
end

local function curves(options, space, result)
  local latents, smaller = series("latents", result.latents), series("smaller images", result.downsampled)
  local least, most = math.huge, 0
  for _, list in ipairs {latents.x, smaller.x} do
    least, most = math.min(least, table.unpack(list)), math.max(most, table.unpack(list))
  end
  local limit = {name = "latents, not rounded", x = {least, most}, dash = true,
    y = {result.exact.psnr, result.exact.psnr}}
  return gl.plot.lines.svg {
    series = {latents, smaller, limit}, xlog = true, title = "Rate and distortion",
    subtitle = ("%s, %s of %s; PNG, which loses nothing, takes %.0f bytes an image"):format(space.folder or options.run,
      text.count(options.images, "test image"), space.data.name, math.min(result.png, result.png_sheet)),
    xlabel = "bytes an image", ylabel = "PSNR, dB",
  }
end

local function row(name, p)
  local bytes = p.bytes and bytes_text(p.bytes) .. " bytes, " or ""
  return {name = name, images = p.images, note = ("%s%.1f dB"):format(bytes, p.psnr)}
end

-- Originals, each step, and the smaller images of about as many bytes.
local function examples(options, space, x, result)
  local rows = {
    {name = "original", images = x:slice(1, 1, #result.exact.images),
      note = ("%.0f bytes as PNG"):format(result.png)},
    row("latents, not rounded", result.exact),
  }
  for _, p in ipairs(result.latents) do rows[#rows + 1] = row(step_name(p), p) end
  local points = result.downsampled
  local shown = math.min(4, #points) -- spread over all of them
  for i = 1, shown do
    local p = points[math.floor(#points * i / shown)]
    rows[#rows + 1] = row(small_name(p), p)
  end
  return gl.plot.sheet.svg {title = "Images in a few bytes", rows = rows,
    subtitle = ("%s: latent vectors rounded to steps of so many standard deviations; below, images made smaller")
      :format(space.folder or options.run)}
end

local function measure(space, options)
  local many = chunks.size(chunks.floats(space.image), MANY, MANY_BYTES)
  local x, labels = space.data.test:head(options.images or (space:has_encoder() and many or FEW))
  options.images = #x
  local steps = options.steps or STEPS
  table.sort(steps, function(a, b) return a > b end) -- so that bytes grow
  local result = compress.rate_distortion(space, x, labels, {steps = steps, progress = progress_bar(space)})
  print_table(space, result)
  compare(result)
  explore.save_text(options, "rate_distortion.svg", curves(options, space, result))
  explore.save_text(options, "compress_examples.svg", examples(options, space, x, result))
end

explore.main("compress", "Stores images as a few bytes, and measures how few and at what loss.", define,
  function(space, options)
    if options.decode then return decode_files(space, options) end
    if options.encode then return encode_files(space, options) end
    measure(space, options)
  end)
