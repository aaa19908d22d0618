--- distribution.lua: how like two sets of images are, told by features (N x D) or logits (N x K) of a classifier.

local core = require "genlat.core"
local scope = require "genlat.scope"
local symmetric = require "genlat.metrics.symmetric"

local distribution = {}

local BLOCK = 1000 -- rows whose sums are made in single precision
local DISTANCES = 1 << 20 -- distances that are held at a time

local function check_matrix(x, name)
  if x.ndim ~= 2 or #x == 0 then
    error(("%s: expected rows of numbers, N x D, got %s"):format(name, table.concat(x.shape, "x")), 3)
  end
end

-- Calls f(rows, first) for one block of x's rows after the other.
local function each_block(x, size, f)
  for first = 1, #x, size do
    f(x:slice(1, first, math.min(first + size - 1, #x)), first)
  end
end

-- Fréchet distance ---------------------------------------------------------------------------------------------------

-- Sums of x - centre and of its products, in double precision over blocks.
local function sums_around(x, centre)
  local d = x:size(2)
  local sum, products = {}, {}
  for i = 1, d do
    sum[i], products[i] = 0.0, {}
    for j = 1, d do
      products[i][j] = 0.0
    end
  end
  each_block(x, BLOCK, function(rows)
    local c = rows - centre
    local s, p = c:sum(1):totable(), c:t():matmul(c):totable()
    for i = 1, d do
      sum[i] = sum[i] + s[i]
      local to, from = products[i], p[i]
      for j = 1, d do
        to[j] = to[j] + from[j]
      end
    end
  end)
  return sum, products
end

local function moments_of(x)
  local n, centre = #x, x:mean(1)
  local sum, products = sums_around(x, centre)
  local mean, about = {}, centre:totable()
  for i = 1, #about do
    mean[i] = about[i] + sum[i] / n
    for j = 1, #about do
      products[i][j] = (products[i][j] - sum[i] * sum[j] / n) / math.max(n - 1, 1)
    end
  end
  return {mean = mean, covariance = products, count = n}
end

--- Mean and covariance (divided by N - 1) of features N x D, as lists of numbers: {mean =, covariance =, count =}. To
-- be given to frechet in the features' place where they are needed more than once.
--
--   local real = gl.metrics.moments(features)
function distribution.moments(features)
  check_matrix(features, "moments")
  return scope.run({recording = false}, function() return moments_of(features) end)
end

local function as_moments(x) return type(x) == "table" and x or distribution.moments(x) end

--- The Fréchet distance between Gaussians with the features' moments (Dowson & Landau 1982; for images Heusel et al.
-- 2017): |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2). On features of a LeNet-5 it is not the FID that papers
-- report, which is made of Inception's. It falls as N grows even between equal distributions: compare equal N.
--
--   gl.metrics.frechet(features, others)     -- or frechet(moments(features), others)
function distribution.frechet(a, b)
  a, b = as_moments(a), as_moments(b)
  local d = #a.mean
  if d ~= #b.mean then error(("frechet: the features have %d and %d dimensions"):format(d, #b.mean), 2) end
  a.root = a.root or symmetric.root(a.covariance)
  local middle = symmetric.product(symmetric.product(a.root, b.covariance), a.root)
  local values = symmetric.eigen(middle)
  local distance = 0
  for i = 1, d do
    distance = distance + (a.mean[i] - b.mean[i]) ^ 2 + a.covariance[i][i] + b.covariance[i][i]
      - 2 * math.sqrt(math.max(values[i], 0))
  end
  return math.max(distance, 0)
end

-- Precision and recall ------------------------------------------------------------------------------------------------

-- Squared distances between rows of x and rows of y, both near the origin, for single precision's sake.
local function squared_distances(x, y, y_squares)
  return ((x:square():sum(2):unsqueeze(2) + y_squares) - x:matmul(y:t()) * 2):clamp_(0)
end

local function rows_at_a_time(set) return math.max(1, DISTANCES // #set.points) end

-- The squared distance from each point to its k-th nearest other one.
local function squared_radii(set, k)
  local radii = {}
  each_block(set.points, rows_at_a_time(set), function(rows, first)
    local d = squared_distances(rows, set.points, set.squares)
    for r = 1, #rows do
      d[{r, first + r - 1}] = math.huge
    end
    for _ = 1, k - 1 do
      for r, nearest in ipairs(d:argmin(2):totable()) do
        d[{r, math.tointeger(nearest)}] = math.huge
      end
    end
    radii[#radii + 1] = d:min(2)
  end)
  return core.cat(radii)
end

--- A set of features with the distance from each to its k-th (3) nearest other one, to be given to precision_recall in
-- the features' place where they are needed more than once.
--
--   local real = gl.metrics.neighbourhood(features, 3)
function distribution.neighbourhood(features, k)
  check_matrix(features, "neighbourhood")
  k = k or 3
  if math.type(k) ~= "integer" or k < 1 or k >= #features then
    error(("precision_recall: k is a whole number from 1 to less than the number of features, %d, not %s")
      :format(#features, tostring(k)), 2)
  end
  return scope.run({recording = false}, function()
    local set = {centre = features:mean(1), k = k}
    set.points = features - set.centre
    set.squares = set.points:square():sum(2)
    set.radii = squared_radii(set, k)
    return set
  end)
end

-- The share of points of one set that lie within the radius of a point of the other (Kynkäänniemi et al., eq. 1).
local function share_within(points, set)
  return scope.run({recording = false}, function()
    local found = 0
    each_block(points.points + (points.centre - set.centre), rows_at_a_time(set), function(rows)
      found = found + squared_distances(rows, set.points, set.squares):le(set.radii):max(2):sum():item()
    end)
    return found / #points.points
  end)
end

--- Improved precision and recall (Kynkäänniemi et al. 2019, eq. 1 and 2): the share of fakes that lie among the real
-- ones, and of real ones that lie among the fakes; among: no farther from one than its k-th (3) nearest neighbour is.
--
--   local precision, recall = gl.metrics.precision_recall(features, others)
function distribution.precision_recall(real, fake, k)
  if type(real) ~= "table" then real = distribution.neighbourhood(real, k) end
  if type(fake) ~= "table" then fake = distribution.neighbourhood(fake, k) end
  return share_within(fake, real), share_within(real, fake)
end

-- Classes -------------------------------------------------------------------------------------------------------------

--- exp(mean KL(p(y|x) || p(y))), from logits N x K (Salimans et al. 2016, sec. 4: the formula of the Inception score,
-- here with another classifier): from 1, where all images look alike to it, to K, where each is clearly of one class
-- and all classes are equally common.
--
--   gl.metrics.classifier_score(logits)
function distribution.classifier_score(logits)
  check_matrix(logits, "classifier_score")
  return scope.run({recording = false}, function()
    local log_p = logits:log_softmax(2)
    local p = log_p:exp()
    local log_marginal = p:mean(1):clamp(1e-37):log() -- a class that nobody sees would be log 0
    return math.exp((p * (log_p - log_marginal)):sum(2):mean():item())
  end)
end

--- The share of each class among labels (a tensor of N, from 1), as a list.
--
--   gl.metrics.class_shares(set.train.labels, #set.classes)
function distribution.class_shares(labels, classes)
  local shares = {}
  for class = 1, classes do
    shares[class] = 0
  end
  for _, label in ipairs(labels:totable()) do
    shares[label] = shares[label] + 1 / #labels
  end
  return shares
end

--- The share of the classes that are there at all among labels (N, from 1): that have at least the share `least` of
-- them (a tenth of what each would have if all were equally common).
--
--   gl.metrics.modes_covered(logits:argmax(2), #set.classes)
function distribution.modes_covered(labels, classes, least)
  least = least or 0.1 / classes
  local covered = 0
  for _, share in ipairs(distribution.class_shares(labels, classes)) do
    if share >= least then covered = covered + 1 end
  end
  return covered / classes
end

--- The total variation distance between two lists of shares: half the sum of |p - q|, 0 to 1.
--
--   gl.metrics.variation({0.5, 0.5}, {0.4, 0.6})
function distribution.variation(p, q)
  local sum = 0
  for i = 1, #p do
    sum = sum + math.abs(p[i] - q[i])
  end
  return sum / 2
end

return distribution
