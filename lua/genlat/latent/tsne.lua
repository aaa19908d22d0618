--- tsne.lua: t-SNE (van der Maaten & Hinton 2008): a map of points in many dimensions whose neighbours on the map are
-- those that they have in truth. The work is done in C: csrc/latent/tsne.c.

local check = require "genlat.check"
local core = require "genlat.core"
local plane = require "genlat.latent.plane"

local tsne = {}

local PERPLEXITY = 30
local SPREAD, JITTER = 1e-4, 1e-2 -- of the start, and of the noise that is added to it, as a share of the spread
local CHUNK = 2e8                 -- pairs of points from one call of progress to the next

-- Where the points are at first: on their principal components, the first of which is given the standard deviation of
-- 1e-4 (Kobak & Berens 2019), with a little noise that moves equal points apart, and points on a line off it.
local function start_of(x)
  local pca = plane.principal_components(x, 2)
  local y = (x - pca.mean):matmul(pca.axes)
  if y:size(2) == 1 then y = core.cat({y, core.zeros(#x, 1)}, 2) end
  local deviation = y:select(2, 1):std():item()
  if not (deviation > 0 and deviation < math.huge) then deviation = 1 end
  return (y / deviation + core.randn(#x, 2) * JITTER) * SPREAD
end

local OPTIONS = {perplexity = {check.any}, steps = {check.whole(1), 1000}, progress = {check.callable}}

local function check_points(x)
  check.value("tsne: points", x, check.tensor())
  if x.ndim ~= 2 or #x < 4 then
    check.fail("tsne: points are N x D, 4 or more, these are %s", table.concat(x.shape, "x"))
  end
end

--- The perplexity that is taken for n points where none is asked for: 30, or a third of the other points.
function tsne.perplexity(n) return math.min(PERPLEXITY, (n - 1) / 3) end

--- The map of x (N x D): N x 2, and its Kullback-Leibler divergence from x in nats (the smaller, the more faithful).
-- Distances on it mean little beyond who is near whom: neither how far apart groups lie nor how wide they are.
-- options:
--   perplexity  about how many neighbours each point should keep (30, or (N - 1) / 3 where that is less, which is the
--               most there can be)
--   steps       of the descent (1000)
--   progress    called with the steps taken and their number, several times a second; what it raises ends the work
-- Settings are the literature's: early exaggeration of 12 for 250 steps, momentum 0.5 then 0.8, learning rate
-- max(200, N / 12) (Belkina et al. 2019), a start from principal components (Kobak & Berens 2019). The forces are
-- exact: the time grows as N^2 (5,000 points take seconds, 50,000 many minutes), the memory as N. The same state of the
-- random numbers gives the same map, bit for bit, for any number of threads. Raises where x holds what is not finite.
--   local map, divergence = latent.tsne(space:encode_split(space.data.test, 5000))
function tsne.tsne(x, options)
  check.arguments("tsne", "x:tensor options:table?", x, options)
  local o = check.options("tsne", options, OPTIONS)
  check_points(x)
  if o.perplexity and type(o.perplexity) ~= "number" then
    check.fail("tsne: perplexity is a number, not a %s", type(o.perplexity))
  end
  local steps, perplexity = o.steps, o.perplexity or tsne.perplexity(#x)
  local map <close> = core.tsne(x, perplexity, start_of(x))
  local chunk = math.max(1, math.min(50, CHUNK // (#x * #x)))
  local done = 0
  while done < steps do
    local n = math.min(chunk, steps - done)
    map:step(math.tointeger(n))
    done = math.tointeger(done + n)
    if o.progress then o.progress(done, steps) end
  end
  return map:places(), map:divergence()
end

return tsne
