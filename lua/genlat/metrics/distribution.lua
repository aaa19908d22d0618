--- distribution.lua: how like two sets of images are, told by features (N x D) or logits (N x K) of a classifier.

local check = require "genlat.check"
local core = require "genlat.core"
local scope = require "genlat.scope"

local linalg = core.linalg

local distribution = {}

local function check_matrix(x, name)
  check.value(name .. ": the features", x, check.tensor())
  if x.ndim ~= 2 then check.fail("%s: expected rows of numbers, N x D, got %s", name, table.concat(x.shape, "x")) end
end

-- Fréchet distance ---------------------------------------------------------------------------------------------------

--- Mean and covariance (divided by N - 1) of features N x D, as lists of numbers: {mean =, covariance =, count =}. To
-- be given to frechet in the features' place where they are needed more than once.
--
--   local real = gl.metrics.moments(features)
function distribution.moments(features)
  check_matrix(features, "moments")
  local mean, covariance = linalg.moments(features)
  return {mean = mean, covariance = covariance, count = #features}
end

-- f with f f' = c, as rows, for a covariance c.
local function factor_of(covariance)
  local values, vectors = linalg.eigh(covariance)
  local factor = {}
  for i = 1, #values do
    factor[i] = {}
    for k, value in ipairs(values) do
      factor[i][k] = vectors[k][i] * math.sqrt(math.max(value, 0)) -- below 0 by rounding
    end
  end
  return factor
end

local function transposed(rows)
  local columns = {}
  for i = 1, #rows[1] do
    columns[i] = {}
    for k = 1, #rows do columns[i][k] = rows[k][i] end
  end
  return columns
end

-- A number of the features that is not finite makes its mean so.
local function is_finite(moments)
  local sum = 0
  for _, mean in ipairs(moments.mean) do sum = sum + mean * 0 end
  return sum == 0
end

local function as_moments(x) return type(x) == "table" and x or distribution.moments(x) end

--- The Fréchet distance between Gaussians with the features' moments (Dowson & Landau 1982; for images Heusel et al.
-- 2017): |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2); NaN where features are not finite. On features of a
-- LeNet-5 it is not the FID that papers report, which is made of Inception's. It falls as N grows even between equal
-- distributions: compare equal N.
--
--   gl.metrics.frechet(features, others)     -- or frechet(moments(features), others)
function distribution.frechet(a, b)
  check.arguments("frechet", "a:moments b:moments", a, b)
  a, b = as_moments(a), as_moments(b)
  local d = #a.mean
  if d ~= #b.mean then error(("frechet: the features have %d and %d dimensions"):format(d, #b.mean), 2) end
  if not (is_finite(a) and is_finite(b)) then return 0 / 0 end
  a.factor = a.factor or factor_of(a.covariance)
  local middle = linalg.product(linalg.product(transposed(a.factor), b.covariance), a.factor)
  local values = linalg.eigh(middle, 0) -- those of C1^1/2 C2 C1^1/2, too
  local distance = 0
  for i = 1, d do
    distance = distance + (a.mean[i] - b.mean[i]) ^ 2 + a.covariance[i][i] + b.covariance[i][i]
      - 2 * math.sqrt(math.max(values[i], 0))
  end
  return math.max(distance, 0)
end

-- Precision and recall ------------------------------------------------------------------------------------------------

--- A set of features with the distance from each to its k-th (3) nearest other one, to be given to precision_recall in
-- the features' place where they are needed more than once.
--
--   local real = gl.metrics.neighbourhood(features, 3)
function distribution.neighbourhood(features, k)
  check_matrix(features, "neighbourhood")
  k = check.value("precision_recall: k", k or 3, check.that(check.whole(1, #features - 1),
    ("a whole number from 1 to less than the number of features, %d"):format(#features)))
  return {points = features, radii = linalg.neighbour_radii(features, k), k = k}
end

-- The share of points of one set that lie within the radius of a point of the other (Kynkäänniemi et al., eq. 1).
local function share_within(points, set)
  return linalg.count_within(points.points, set.points, set.radii) / #points.points
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
  check.value("class_shares: labels", labels, check.tensor())
  classes = check.value("class_shares: classes", classes, check.whole(1))
  local shares = {}
  for class = 1, classes do
    shares[class] = 0
  end
  for i, label in ipairs(labels:totable()) do
    if not shares[label] then
      check.fail("class_shares: label %d is %g, classes are whole numbers from 1 to %d", i, label, classes)
    end
    shares[label] = shares[label] + 1 / #labels
  end
  return shares
end

--- The share of the classes that are there at all among labels (N, from 1): that have at least the share `least` of
-- them (a tenth of what each would have if all were equally common).
--
--   gl.metrics.modes_covered(logits:argmax(2), #set.classes)
function distribution.modes_covered(labels, classes, least)
  check.arguments("modes_covered", "labels:tensor classes:count least:number?", labels, classes, least)
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
  check.arguments("variation", "p:numbers q:numbers", p, q)
  if #p ~= #q then check.fail("variation: the lists have %d and %d elements", #p, #q) end
  local sum = 0
  for i = 1, #p do
    sum = sum + math.abs(p[i] - q[i])
  end
  return sum / 2
end

return distribution
