-- interpolate.lua: walks between images through a trained model's latent space. `lua scripts/interpolate.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local folder = require "genlat.data.folder"
local latent, images, sheet, train = gl.latent, gl.plot.images, gl.plot.sheet, gl.train
local whole = train.options.whole

local METHODS = {"lerp", "slerp"}
local NAMES = {lerp = "linear", slerp = "spherical"}
local FILM_SIDE = 128 -- pixels of an animation, about

-- A number of an image, or a PNG file.
local function image(word)
  if word:find "%D" or word == "" then return train.options.path(word) end
  return whole(1)(word)
end

local function define(command)
  command:add("--method", {metavar = "HOW", choices = METHODS, help = "lerp: along straight lines, which suits models "
    .. "that encode images (their usual); slerp: along great circles, which suits GANs (theirs): straight lines "
    .. "between two draws of the prior pass nearer to 0, where a GAN was never trained"})
  command:add("--steps", {default = 10, convert = whole(2), help = "images from one end of a walk to the other"})
  command:add("--pairs", {default = 8, convert = whole(1), help = "walks in the grid"})
  command:add("--from", {metavar = "IMAGE", convert = image,
    help = "the test image to start at, by its number, or a PNG file (random)"})
  command:add("--to", {metavar = "IMAGE", convert = image, help = "the test image to end at, or a PNG file (random)"})
  command:add("--through", {metavar = "IMAGES", convert = explore.list(image),
    help = "walk through several, such as 3,17,42, instead; the grid then has their walks"})
  command:add("--prior", {flag = true, help = "walk between samples instead of test images, as GANs always do: "
    .. "numbers are those of samples"})
  command:add("--class", {metavar = "NAME", help = "class that a conditional model draws (the first; in the grid, a "
    .. "class a row)"})
  command:add("--corners", {flag = true, help = "also the square between four images, those of --through or random"})
  command:add("--frames", {default = 24, convert = whole(2), help = "pictures of the animation from image to image"})
  command.parser:epilog("Writes interpolation.png and interpolation.svg: one walk, linear above and spherical below; "
    .. "interpolation_grid.png, several walks by --method; interpolation.gif, the walk and back to its start without "
    .. "an end; with --corners, interpolation_corners.png. A PNG file is brought to the model's size.")
end

-- Choosing ends -------------------------------------------------------------------------------------------------------

-- The image of a PNG file, 1 x H x W x C.
local function read_image(space, options, name, path)
  local h, w, c = space.image[1], space.image[2], space.image[3]
  local x, message = folder.read({path}, {size = {h, w}, channels = c})
  if not x then explore.fail(options, name, "%s", message) end
  return x:float() / 255
end

-- The latent vector of a PNG file.
local function encode_file(space, options, name, path, label)
  if not space:has_encoder() then
    explore.fail(options, name, "a %s has no encoder to tell where %s is (genlat invert finds it)", space.model:name(),
      path)
  elseif space.conditional and not label then
    explore.fail(options, name, "say by --class what %s shows: a %s has to be told", path, space.model:name())
  end
  return space:encode(read_image(space, options, name, path), space:labels(1, label))
end

-- The latent vectors of a list of numbers and PNG files, N x latent.
local function latents(space, options, name, list, label)
  local numbers, rows = {}, {}
  for _, value in ipairs(list) do
    if type(value) == "number" then numbers[#numbers + 1] = value end
  end
  local numbered = #numbers > 0 and explore.numbered(space, options, name, numbers, options.prior)
  local used = 0
  for i, value in ipairs(list) do
    if type(value) == "number" then
      used = used + 1
      rows[i] = numbered:slice(1, used, used)
    else
      rows[i] = encode_file(space, options, name, value, label)
    end
  end
  return gl.cat(rows)
end

-- n different numbers of test images at random, or those of the first n samples.
local function random_numbers(space, options, n)
  local list = {}
  if options.prior then
    for i = 1, n do list[i] = i end
    return list
  end
  local count = space.data.test.count
  local order = gl.randperm(count, options.seed)
  for i = 1, n do
    list[i] = math.tointeger(order[(i - 1) % count + 1]:item())
  end
  return list
end

-- What is walked: the stops of one long walk, the two ends of each walk of the grid, and what the stops are (numbers
-- and PNG files).
local function choose(space, options, label)
  if options.through then
    if #options.through < 2 then explore.fail(options, "--through", "a walk goes through two or more") end
    local stops = latents(space, options, "--through", options.through, label)
    return stops, stops:slice(1, 1, #stops - 1), stops:slice(1, 2, #stops), options.through
  end
  local n = options.pairs
  local numbers, from, to = random_numbers(space, options, 2 * n), {}, {}
  for i = 1, n do -- samples: the first n are starts, as many more are ends
    from[i] = options.from or numbers[options.prior and i or 2 * i - 1]
    to[i] = options.to or numbers[options.prior and n + i or 2 * i]
  end
  local z, z_to = latents(space, options, "--from", from, label), latents(space, options, "--to", to, label)
  return gl.cat {z:slice(1, 1, 1), z_to:slice(1, 1, 1)}, z, z_to, {from[1], to[1]}
end

-- Pictures ------------------------------------------------------------------------------------------------------------

-- "test images 3, 17 and 42", "test image 3 and me.png".
local function name_of(list)
  local words, all = {}, true
  for _, value in ipairs(list) do all = all and type(value) == "number" end
  for i, value in ipairs(list) do
    words[i] = type(value) == "string" and value:match "[^/\\]+$" or (all and "%d" or "test image %d"):format(value)
  end
  local text = #words > 1 and ("%s and %s"):format(table.concat(words, ", ", 1, #words - 1), words[#words]) or words[1]
  return all and ("test image%s %s"):format(#words > 1 and "s" or "", text) or text
end

-- The row of the images that are walked between, as they are; nil where all are samples.
local function originals(space, options, list)
  local found, shown = {}, {}
  for _, value in ipairs(list) do
    if type(value) == "string" then
      found[#found + 1] = read_image(space, options, "--through", value)
    elseif not options.prior then
      found[#found + 1] = gl.core.batch(space.data.test.images, gl.tensor {value}, 1, 1)
    end
    if #found > #shown then shown[#found] = value end
  end
  if #found > 0 then return {name = name_of(shown), images = gl.cat(found), note = "the images themselves"} end
end

-- One walk by both methods, as PNG and, with names and the images that it joins, as SVG. The least length of its latent
-- vectors tells why they differ.
local function draw_walk(space, options, stops, list, label)
  local rows, strips = {originals(space, options, list)}, {}
  for i, method in ipairs(space.latent > 1 and METHODS or {"lerp"}) do -- no great circles on a line
    local z = latent.route(stops, {method = method, steps = options.steps})
    strips[i] = space:decode(z, label)
    local lengths = z:norm(2)
    rows[#rows + 1] = {name = NAMES[method], images = strips[i],
      note = ("length %.1f to %.1f"):format(lengths:min():item(), lengths:max():item())}
  end
  explore.save_png(options, "interpolation.png", images.grid(gl.cat(strips), {columns = #strips[1]}))
  explore.save_text(options, "interpolation.svg", sheet.svg {
    title = "A walk through latent space", rows = rows,
    subtitle = options.run .. (label and (", class %s"):format(space.classes[label]) or ""),
  })
end

-- The walks between two batches of ends, one below the other; a conditional model draws one class, or one a row.
local function draw_grid(space, options, from, to, label)
  local rows, labels = {}, {}
  for i = 1, #from do
    rows[i] = latent[options.method](from[i], to[i], options.steps)
    labels[i] = space:labels(options.steps, label or (i - 1) % (space.conditional or 1) + 1)
  end
  local x = space:decode(gl.cat(rows), space.conditional and gl.cat(labels) or nil)
  explore.save_png(options, "interpolation_grid.png", images.grid(x, {columns = options.steps}))
end

local function draw_film(space, options, stops, label)
  local route = latent.route(stops, {method = options.method, steps = options.frames, closed = true})
  local x = space:decode(route, label)
  local scale = math.max(1, math.floor(FILM_SIDE / space.image[1]))
  local frames = {}
  for i = 1, #x do
    frames[i] = images.enlarge(x[i], scale)
  end
  explore.save_gif(options, "interpolation.gif", gl.stack(frames), {delay = 6})
end

local function draw_corners(space, options, label)
  local list = options.through or random_numbers(space, options, 4)
  if #list ~= 4 then explore.fail(options, "--corners", "a square is between four, --through has %d", #list) end
  local corners = latents(space, options, "--through", list, label)
  local x = space:decode(latent.corners(corners, {method = options.method, steps = options.steps}), label)
  explore.save_png(options, "interpolation_corners.png", images.grid(x, {columns = options.steps, gap = 0}))
end

explore.main("interpolate", "Walks between images through a trained model's latent space.", define,
  function(space, options)
    options.method = options.method or (space.adversarial and "slerp" or "lerp")
    options.prior = options.prior or not space:has_encoder()
    if options.method == "slerp" and space.latent == 1 then
      explore.fail(options, "--method", "there are no great circles in a latent space of one dimension")
    end
    local asked = explore.label(space, options)
    local stops, from, to, list = choose(space, options, asked)
    local label = asked or (space.conditional and 1)
    draw_walk(space, options, stops, list, label)
    draw_grid(space, options, from, to, asked)
    draw_film(space, options, stops, label)
    if options.corners then draw_corners(space, options, label) end
  end)
