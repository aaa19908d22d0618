-- 12_compass.lua: a direction for what someone has in mind, from answers to "which of these two has more of it?" (after
-- Latent Compass, Schwettmann, Strobelt & Martino 2020). Here the someone is simulated, and has long hair in mind.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local out = arg[1] or "runs/examples/12_compass"
assert(gl.core.mkdirs(out))
gl.seed(1)

-- A VAE of cartoon faces (built in, drawn by program; every image comes with the attributes that it was drawn from).
local LATENT = 16
local data = gl.data.load("faces", {train = 5000, test = 1000})
local vae = gl.models.vae {image = data.shape, hidden = {300}, latent = LATENT}
local optimizer = gl.optim.Adam(vae, {lr = 1e-3})
for epoch = 1, 16 do
  for _, x in data.train:batches {size = 64, epoch = epoch} do
    local loss = vae:loss(x).loss
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
end
vae:eval():freeze()
print("the VAE: test loss " .. gl.train.losses.text(vae)(gl.train.evaluate(vae, data.test)))

-- 1. Someone with something in mind -----------------------------------------------------------------------------------

-- The person is shown two images and says on which the hair is longer. They only glance: where the lengths (0 cropped,
-- 1 to the chest) differ by d, they are right with probability sigmoid(8 d). Nothing below knows what they look at.
local COLUMN = {}
for i, name in ipairs(data.factor_names) do COLUMN[name] = i end
local hair = data.test.factors:select(2, COLUMN.hair_length):totable()
math.randomseed(1)
local function prefers_first(i, j) return math.random() < 1 / (1 + math.exp(-8 * (hair[i] - hair[j]))) end

-- 2. The compass ------------------------------------------------------------------------------------------------------

-- The model of such answers (Bradley & Terry 1952): each z has a score w.z, and the first of two is preferred with
-- probability sigmoid(w.(z1 - z2)). That is logistic regression on differences. A prior N(0, I) of w keeps it from
-- growing without bound while there are few answers: it costs |w|^2 / 2 nats.
local z = vae:encode((data.test:head(1000))) -- 1000 x 16
local function fit(differences, answers)
  local w = gl.zeros(LATENT)
  w.requires_grad = true
  local steps = gl.optim.Adam({w}, {lr = 0.1})
  for _ = 1, 150 do
    local loss = differences:matmul(w):bce_with_logits(answers, "sum") + w:square():sum() / 2
    steps:zero_grad()
    loss:backward()
    steps:step()
  end
  return w:detach()
end

-- The first 700 images are asked about, the other 300 tell whether w orders pairs that were never asked about.
local function ask(count)
  local first, second, answers = {}, {}, {}
  for k = 1, count do
    first[k], second[k] = math.random(700), math.random(700)
    answers[k] = prefers_first(first[k], second[k]) and 1 or 0
  end
  return z:index_select(gl.tensor(first)) - z:index_select(gl.tensor(second)), gl.tensor(answers)
end
local function share_in_order(w)
  local score, right, count = z:matmul(w):totable(), 0, 0
  for i = 701, 999 do
    for j = i + 1, 1000 do
      count = count + 1
      if (score[i] > score[j]) == (hair[i] > hair[j]) then right = right + 1 end
    end
  end
  return right / count
end

local differences, answers = ask(400)
local counts, shares, found = {}, {}, {}
print "answers   pairs of unseen images in the right order   the answers themselves"
for i, count in ipairs {5, 10, 20, 40, 80, 160, 400} do
  local asked, said = differences:slice(1, 1, count), answers:slice(1, 1, count)
  local w = fit(asked, said)
  local explained = 100 * asked:matmul(w):gt(0):eq(said):mean():item()
  counts[i], shares[i], found[count] = count, 100 * share_in_order(w), w
  print(("%7d   %42.1f %%   %20.1f %%"):format(count, shares[i], explained))
end

-- 3. Along it ---------------------------------------------------------------------------------------------------------

-- The same faces along a direction drawn at random, along what 10 answers say, and along what 400 say: up to 3 each
-- way, where the prior has a standard deviation of 1 in every direction.
local rows, COLUMNS = {}, 9
for _, direction in ipairs {
  {"before", "a direction drawn at random", gl.randn(LATENT)}, {"10 answers", nil, found[10]},
  {"400 answers", nil, found[400]},
} do
  local name, note, w = table.unpack(direction, 1, 3)
  local way = gl.linspace(-3, 3, COLUMNS):unsqueeze(2) * (w / w:norm())
  for k, i in ipairs {701, 703, 705, 706} do
    rows[#rows + 1] = {name = k == 1 and name or nil, note = k == 1 and note or nil, images = vae:decode(z[i] + way)}
  end
end
assert(gl.core.write_file(out .. "/compass.svg", gl.plot.sheet.svg {
  title = "What the person had in mind", rows = rows, mark = 5, scale = 2,
  foot = "In the frame four faces as the VAE knows them; to the right more of it, to the left less. Few answers leave "
    .. "other things mixed in, such as the background.",
}))
assert(gl.core.write_file(out .. "/answers.svg", gl.plot.lines.svg {
  title = "How many answers it takes",
  subtitle = "Pairs of images never asked about, put in the right order; guessing would do so for 50 %",
  series = {{name = "in the right order", x = counts, y = shares}}, xlabel = "answers", ylabel = "% of the pairs",
}))
print(("Look at %s/compass.svg and %s/answers.svg; scripts/compass.lua asks you, with trained runs"):format(out, out))
