-- 11_steering.lua: finding the direction of latent space that slants digits, by backpropagation through the generator
-- (Jahanian, Chai & Isola 2020), and an edit for which there is none.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local out = arg[1] or "runs/examples/11_steering"
assert(gl.core.mkdirs(out))
gl.seed(1)

-- The generator G: the decoder of the VAE of example 10.
local data = gl.data.load("digits", {train = 20000, test = 1000})
local vae = gl.models.vae {image = data.shape, hidden = {400}, latent = 10}
local optimizer = gl.optim.Adam(vae, {lr = 2e-3})
for epoch = 1, 8 do
  for _, x in data.train:batches {size = 100, epoch = epoch} do
    local loss = vae:loss(x).loss
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
end
print("the VAE: test loss " .. gl.train.losses.text(vae)(gl.train.evaluate(vae, data.test)))
vae:eval():freeze() -- from here on the weights stay; gradients still flow through them, to z
local function generate(z) return vae:decode(z) end

-- Two edits -----------------------------------------------------------------------------------------------------------

-- Moves each of an image's rows to the right by so many pixels (28 of them): pixel j comes from j - by, between two
-- pixels by linear interpolation. Images are black at their borders, so that what comes in is black.
local row, column = gl.arange(28):reshape(28, 1, 1), gl.arange(28):reshape(1, 28, 1)
local function move_rows(x, by)
  local source = column - by:reshape(28, 1, 1) -- 28 x 28 x 1
  local left = source:floor()
  local function at(places) return x:gather(places:clamp(1, 28):unsqueeze(1):expand(#x, 28, 28, 1), 3) end
  return (1 - (source - left)) * at(left) + (source - left) * at(left + 1)
end

-- What an edit does by an amount, and how much of it an image has: mean place and slant of the ink.
local function mean(x, value) return (x * value):sum({2, 3, 4}, true) / x:sum({2, 3, 4}, true) end
local edits = {
  {
    name = "slant", unit = "degrees", range = 25,
    apply = function(x, a) return move_rows(x, math.tan(math.rad(a)) * (14.5 - row)) end,
    measure = function(x)
      local dx, dy = column - mean(x, column), mean(x, row) - row
      local slope = (x * dx * dy):sum {2, 3, 4} / (x * dy:square()):sum {2, 3, 4} -- the line through the ink
      local degrees = slope:totable()
      for i, value in ipairs(degrees) do degrees[i] = math.deg(math.atan(value)) end
      return gl.tensor(degrees)
    end,
  },
  {
    name = "shift", unit = "pixels", range = 5,
    apply = function(x, a) return move_rows(x, gl.full({28}, a)) end,
    measure = function(x) return mean(x, column):flatten() end,
  },
}

-- The walk: one vector w such that G(z + a w) is G(z) edited by the amount a, for all z and a (their eq. 1):
--   w = argmin E |G(z + a w) - edit(G(z), a)|^2
-- Only w is learned. No labels are needed, only a program for the edit.
local function learn_walk(edit)
  local w = gl.zeros(10)
  w.requires_grad = true
  local steps = gl.optim.Adam({w}, {lr = 0.02})
  for _ = 1, 400 do
    local z, a = gl.randn(64, 10), 2 * gl.rand(1):item() - 1 -- a of 1 is the end of the range
    local target = gl.no_grad(edit.apply, generate(z), a * edit.range)
    local loss = generate(z + a * w):mse_loss(target)
    steps:zero_grad()
    loss:backward()
    steps:step()
  end
  return w:detach()
end

-- How far does it carry? ----------------------------------------------------------------------------------------------

-- Walked from 1000 test images.
local test = data.test:head(1000)
local z = vae:encode(test)
local rows, panels, film = {}, {title = "Asked for, and got", subtitle = "Means over 1000 test images"}, {}
local COLUMNS = 11
for _, edit in ipairs(edits) do
  local w = learn_walk(edit)
  local before = edit.measure(generate(z))
  local asked, got, share = {}, {}, gl.linspace(-1, 1, COLUMNS)
  for i, a in ipairs(share:totable()) do
    asked[i] = a * edit.range
    got[i] = (edit.measure(generate(z + a * w)) - before):mean():item()
  end
  print(("%s: |w| = %.2f; test images have %.1f +- %.1f %s; asked for %+.0f and %+.0f it goes %+.1f and %+.1f"):format(
    edit.name, w:norm():item(), edit.measure(test):mean():item(), edit.measure(test):std():item(), edit.unit, asked[1],
    asked[COLUMNS], got[1], got[COLUMNS]))
  panels[#panels + 1] = {
    title = edit.name, xlabel = edit.unit .. " asked for", ylabel = edit.unit .. " got",
    series = {{name = "the walk", x = asked, y = got}, {name = "as asked", x = asked, y = asked, dash = true}},
  }
  for k, i in ipairs {2, 5, 7, 9} do
    rows[#rows + 1] = {images = generate(z[i] + share:unsqueeze(2) * w), name = k == 1 and edit.name or nil,
      note = k == 1 and ("%d to %d %s"):format(-edit.range, edit.range, edit.unit) or nil}
  end
  if edit.name == "slant" then
    for step = 0, 39 do -- there and back
      local x = generate(z:slice(1, 1, 40) + math.sin(step * math.pi / 20) * w)
      film[#film + 1] = gl.plot.images.grid(x, {columns = 10})
    end
  end
end

assert(gl.write_gif(out .. "/slant.gif", gl.stack(film), {delay = 6}))
assert(gl.core.write_file(out .. "/reach.svg", gl.plot.lines.panels(panels)))
assert(gl.core.write_file(out .. "/steering.svg", gl.plot.sheet.svg {
  title = "One direction for all", rows = rows, mark = 6,
  foot = "G(z + a w); the framed column is where the walks begin. A generator can be steered where its training images "
    .. "vary: digits slant this way and that, but all were in the middle.",
}))
print(("Look at %s/steering.svg, %s/reach.svg and %s/slant.gif; scripts/steer.lua does it with trained runs"):format(
  out, out, out))
