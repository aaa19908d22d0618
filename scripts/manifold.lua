-- manifold.lua: draws what a model decodes all over a plane of its latent space. `lua scripts/manifold.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local latent, images, morph = gl.latent, gl.plot.images, gl.plot.morph
local whole = gl.train.options.whole

-- A list of two different ones.
local function two(each)
  return function(text)
    local list, message = explore.list(each)(text)
    if not list then return nil, message end
    if #list ~= 2 or list[1] == list[2] then
      return nil, ("'%s' is not two, separated by a comma"):format(text)
    end
    return list
  end
end

local function define(command)
  command:add("--size", {convert = whole(2), help = "images along a side (20; 21 around an image or a sample, so that "
    .. "it is in the middle)"})
  command:add("--axes", {metavar = "A,B", convert = two(whole(1)), help = "two latent axes by number, such as 1,2"})
  command:add("--directions", {metavar = "NAMES", convert = two(),
    help = "two saved directions, such as smile,turn, as far as their ranges go"})
  command:add("--around", {convert = whole(1), help = "the plane through this test image (GANs: this sample) instead "
    .. "of the middle of the prior"})
  command:add("--class", {metavar = "NAME", help = "class that a conditional model draws (the image's, or the first)"})
  command.parser:epilog("Writes manifold.png and manifold.svg, which has numbers along its axes. Without --axes and "
    .. "--directions: the two latent axes where there are just two, else the first two principal components of the "
    .. "encoded test images, and for a GAN, which cannot encode, the two directions in which its images change most, "
    .. "measured. Images stand at equal steps of the prior's probability; those of an autoencoder, which has no prior, "
    .. "of a Gaussian fitted to its latent vectors. A GAN's plane goes through a sample (number 1): at 0, the middle "
    .. "of its prior, a GAN was never trained.")
end

local function check_directions(space, options)
  for _, name in ipairs(options.directions) do
    local found, message = space.directions:get(name)
    if not found then explore.fail(options, "--directions", "%s", message) end
  end
end

-- The plane that was asked for, and where it comes from in words.
local function choose_plane(space, options, label)
  if options.axes and options.directions then
    explore.fail(options, "--axes", "the plane is of axes or of --directions, not both")
  elseif options.axes then
    for _, k in ipairs(options.axes) do
      if k > space.latent then explore.fail(options, "--axes", "an axis is 1 to %d, not %d", space.latent, k) end
    end
    return latent.plane_of_axes(space, options.axes[1], options.axes[2]), "two latent axes"
  elseif options.directions then
    check_directions(space, options)
    return latent.plane_of_directions(space, options.directions[1], options.directions[2]), "two directions"
  elseif space.latent <= 2 then
    return latent.plane_of_axes(space, 1, space.latent == 2 and 2 or nil), "its latent space"
  elseif space:has_encoder() then
    return latent.plane_of_images(space, (space:encode_split(space.data.test))), "the principal plane of test images"
  end
  return latent.plane_of_change(space, label), "the plane in which its images change most"
end

-- What the grid's steps are: equal ones of a probability, which is the prior's only on a plane through its middle.
local function steps_text(space, plane)
  if plane.ranges then return nil end
  if not space.model.posterior then
    return "At equal steps of the probability of a Gaussian fitted to encoded images: an autoencoder has no prior."
  elseif plane.points and space.latent > 2 then
    return "Around the mean of encoded test images, at equal steps of a standard normal's probability along each axis."
  end
  return "At equal steps of the prior's probability: an image is as likely as its neighbor."
end

-- The place of a list's 0, if it has one.
local function zero(list)
  for i, v in ipairs(list) do
    if math.abs(v) < 1e-6 then return i end
  end
end

explore.main("manifold", "Draws what a model decodes all over a plane of its latent space.", define,
  function(space, options)
    local around = options.around or (space.adversarial and 1)
    local label, origin = explore.label(space, options), nil
    if around then
      local z, labels = explore.numbered(space, options, "--around", {around})
      origin = z[1]
      label = label or (labels and space.conditional and math.tointeger(labels[1]:item()))
    end
    label = label or (space.conditional and 1)
    local plane, words = choose_plane(space, options, label)
    plane.origin = origin or plane.origin
    local x, right, up = latent.morph(space, plane, options.size or (around and 21 or 20), label)
    local column, row = zero(right), zero(up)
    local mark = around and column and row and {column, row} or nil
    explore.save_png(options, "manifold.png", images.grid(x, {columns = #right, gap = 0, scale = 1}))
    local what = space:has_encoder() and "test image" or "sample"
    local through = around and (", through %s %d"):format(what, around) or ""
    explore.save_text(options, "manifold.svg", morph.svg {
      images = x, right = right, up = up, names = plane.names, units = plane.units, title = "Morph grid",
      subtitle = ("%s: %s%s"):format(options.run, words, through)
        .. (label and (", class %s"):format(space.classes[label]) or ""),
      mark = mark,
      foot = around and ("Numbers count from the %s%s."):format(what, mark and ", framed" or "")
        or steps_text(space, plane),
    })
  end)
