-- 06_kl.lua: what the two terms of a VAE's loss want, and what each part of the KL does: the KL weighed more and less
-- (beta, Higgins et al. 2017), and then with one of its parts left out.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local out = arg[1] or "runs/examples/06_kl"
assert(gl.core.mkdirs(out))

-- Five of the ten digits, as two latent dimensions have room for about so many.
local data = gl.data.load("digits", {train = 6000, test = 2000})
local names = {"0", "1", "3", "4", "6"}
local function only_named(split)
  local x, labels = split:head(split.count)
  local rows, label = {}, {}
  for i, class in ipairs(labels:totable()) do
    for k, name in ipairs(names) do
      if data.classes[math.tointeger(class)] == name then rows[#rows + 1], label[#label + 1] = i, k end
    end
  end
  return x:index_select(gl.tensor(rows)), label
end
local images = only_named(data.train)
local test, label = only_named(data.test)
print(("%d training and %d test images of %s"):format(#images, #test, table.concat(names, ", ")))

-- The KL of example 05, 1/2 sum (mean^2 + var - 1 - log var), has two parts:
--   1/2 sum mean^2               0 for a cloud around the middle
--   1/2 sum (var - 1 - log var)  0 for a cloud of the prior's size, 1; large for a small one
local function kl_parts(mean, logvar)
  return 0.5 * mean:square():sum(2):mean(), 0.5 * (logvar:exp() - 1 - logvar):sum(2):mean()
end

-- The VAE of example 05, from the library: posterior(x) gives the clouds' means and logs of variances, decode_output(z)
-- the logits. Trains one with those weights of the two parts.
local function train(place, size)
  gl.seed(1)
  local vae = gl.models.vae {image = data.shape, hidden = {256, 64}, latent = 2}
  local optimizer = gl.optim.Adam(vae, {lr = 2e-3})
  for epoch = 1, 20 do
    local order = gl.randperm(#images, 1, epoch)
    for first = 1, #images - 99, 100 do
      local x = images:index_select(order:slice(1, first, first + 99))
      local mean, logvar = vae:posterior(x)
      local reconstruction = vae:decode_output(mean:gaussian_sample(logvar)):bce_with_logits(x:flatten(2))
      local far, small = kl_parts(mean, logvar)
      optimizer:zero_grad();
      (reconstruction + place * far + size * small):backward()
      optimizer:step()
    end
  end
  return vae:freeze():eval()
end

-- Prints a row of the table, and adds the panels of one model to three rows: map, samples, reconstructions.
local function show(rows, name, vae, caption)
  gl.seed(2)
  local mean, logvar = vae:posterior(test)
  local z = mean:gaussian_sample(logvar) -- a point of each image's cloud
  local reconstruction = vae:decode_output(z):bce_with_logits(test:flatten(2)):item()
  local far, small = kl_parts(mean, logvar)
  print(("%-22s %14.1f %8.2f + %5.2f %14.2f %12.2f"):format(name, reconstruction, far:item(), small:item(),
    mean:std(1):mean():item(), (logvar / 2):exp():mean():item()))
  local function picture(x) return gl.plot.sheet.uri(gl.plot.images.grid(x, {columns = 6, gap = 0, scale = 1})) end
  table.insert(rows[1], {x = z:select(2, 1):totable(), y = z:select(2, 2):totable(), label = label, title = name,
    prior = true, caption = caption})
  table.insert(rows[2], {image = picture(vae:decode(gl.randn(36, 2)))})
  local some = test:slice(1, 1, 18)
  table.insert(rows[3], {image = picture(gl.plot.images.pairs(some, vae:decode(z:slice(1, 1, 18)), 6))})
end

local function save(path, title, rows)
  local panels = {title = title, classes = names, columns = #rows[1], width = 60 + 270 * #rows[1],
    subtitle = "Above: a point of each test image's cloud, and circles at one and two of the prior's standard "
      .. "deviations. Middle: decoded from draws of the prior. Below: test images and, under each, what comes back."}
  for _, row in ipairs(rows) do table.move(row, 1, #row, #panels + 1, panels) end
  assert(gl.core.write_file(path, gl.plot.scatter.panels(panels)))
end

print "                      reconstruction   KL: place + size   spread of means   cloud's std"
local rows = {{}, {}, {}}
local plain
for _, case in ipairs {
  {0, "No KL: an autoencoder, its clouds shrunk to points, spread far beyond the prior."},
  {0.1, "Clouds instead of points, but the map is wider than the prior, whose draws miss most of it."},
  {1, "The VAE: the bound on log p(x) is the sum with this weight."},
  {4, "The map fills the prior, and the copies blur: a nat of KL costs four of reconstruction."},
  {40, "Collapse: every cloud is the prior, z says nothing, and one image is the answer to all."},
} do
  local beta, caption = case[1], case[2]
  local vae = train(beta, beta)
  if beta == 1 then plain = vae end
  show(rows, ("beta = %g"):format(beta), vae, caption)
end
save(out .. "/beta.svg", "The KL weighed more and more", rows)

rows = {{}, {}, {}}
show(rows, "the whole KL", plain, "Place and size.")
show(rows, "place only", train(1, 0), "Nothing keeps the clouds from shrinking to points: near the middle, with gaps.")
show(rows, "size only", train(0, 1), "The clouds are large, but free to flee each other: the map grows, and empties.")
save(out .. "/parts.svg", "What each part of the KL does", rows)

print("Look at " .. out .. "/beta.svg and " .. out .. "/parts.svg")
