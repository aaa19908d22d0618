--- compass.lua: finds the direction of latent space that a person has in mind by asking which of a few images has more
-- of it (after Latent Compass, Schwettmann, Strobelt & Martino 2020).
--
--   local session = compass.new(space, {seed = 1})
--   for _ = 1, 30 do
--     local z, labels = session:propose(2)
--     show(space:decode(z, labels))
--     session:answer(1)                       -- the first has more; {2, 1}: from most to least; "same": cannot tell
--   end
--   space.directions:set("smile", session:fit(), {method = "compass"})
--
-- The model (Luce 1959; for pairs Bradley & Terry 1952, which is logistic regression on the difference): of a set, an
-- image is chosen with a probability proportional to exp(w . e), e = space:standardize(z). The prior of w is
-- N(0, t^2 I), so that few answers do not explode; the posterior is approximated by a Gaussian at its mode (Laplace;
-- Bishop 2006, sec. 4.5). The next set is one whose answer is expected to say much about w (Houlsby et al. 2011).

local check = require "genlat.check"
local core = require "genlat.core"
local scope = require "genlat.scope"
local text = require "genlat.text"

local compass = {}

local Session = {}
Session.__index = Session

-- Standard deviations of w . (e_a - e_b) under the prior of w, for two draws of the latent prior; USUAL is the number
-- of the one that directions are fitted with.
local SPREADS, USUAL = {0.5, 1, 2, 4}, 3
local POOL = 250 -- latent vectors of which the next set is made
local LEAST, MOST = 2, 9 -- images in a set
local MOST_ANSWERS = 2000 -- of a session
local FAR = 100 -- standard deviations from 0: where no latent vector that was asked about lies

-- The posterior -------------------------------------------------------------------------------------------------------

-- The inverse of a symmetric positive definite matrix, and the logarithm of its determinant.
local function invert(a)
  local l = core.linalg.cholesky(a)
  if not l then error("compass: the posterior's precision is not finite", 0) end
  local log_determinant = 0
  for i = 1, #l do log_determinant = log_determinant + 2 * math.log(l[i][i]) end
  local inverse = core.tensor(core.linalg.inverse_lower(l))
  return inverse:t():matmul(inverse), log_determinant
end

-- The posterior where w . (e_a - e_b) has the standard deviation `spread` under the prior, for two draws of the latent
-- prior, by Newton's method from w. asked: a list of the sets of each size k, {size = k, x = their images as rows
-- (sets k) x D, targets = the share of each that was chosen, sets x k}. Returns {mean = D, covariance = D x D, evidence
-- = log p(answers), nearly}.
local function posterior(asked, spread, w)
  local variance = spread ^ 2 / (2 * #w)
  local covariance, log_determinant, log_likelihood
  for _ = 1, 50 do
    local precision, slope = core.eye(#w), w / -variance
    log_likelihood = 0
    for _, sets in ipairs(asked) do
      local x, log_p = sets.x, sets.x:matmul(w:unsqueeze(2)):reshape(-1, sets.size):log_softmax(2)
      local weighted = x * log_p:exp():reshape(-1, 1)
      local means = weighted:reshape(-1, sets.size, #w):sum(2)
      precision = precision + (x:t():matmul(weighted) - means:t():matmul(means)) * variance
      slope = slope + x:t():matmul((sets.targets - log_p:exp()):reshape(-1, 1)):squeeze(2)
      log_likelihood = log_likelihood + (sets.targets * log_p):sum():item()
    end
    covariance, log_determinant = invert(precision)
    covariance:mul_(variance)
    local step = covariance:matmul(slope:unsqueeze(2)):squeeze(2)
    w = w + step
    if step:norm():item() < 1e-4 * w:norm():item() then break end
  end
  return {
    mean = w, covariance = covariance,
    evidence = log_likelihood - w:square():sum():item() / (2 * variance) - log_determinant / 2,
  }
end

-- How sure a posterior is of w's direction, 0 to 1: |m| / sqrt(|m|^2 + trace of the covariance), the cosine that is
-- expected between its mean and w.
local function certainty(p)
  local squared = p.mean:square():sum():item()
  return math.sqrt(squared / (squared + (p.covariance * core.eye(#p.mean)):sum():item()))
end

-- The posterior of the usual spread; and how sure it is, on average over the spreads weighted by how well each explains
-- the answers: where they contradict each other, that is a small one.
local function weighed_posterior(asked, latent)
  local list, most = {}, -math.huge
  for i, spread in ipairs(SPREADS) do
    list[i] = posterior(asked, spread, i > 1 and list[i - 1].mean or core.zeros(latent))
    most = math.max(most, list[i].evidence)
  end
  local sum, weights = 0, 0
  for _, p in ipairs(list) do
    local weight = math.exp(p.evidence - most)
    sum, weights = sum + weight * certainty(p), weights + weight
  end
  list[USUAL].certainty = sum / weights
  return list[USUAL]
end

-- Mean and variance of w . (e_i - e_j) for all pairs of rows of e (N x D), each N x N; without answers the prior's.
local function predict(self, e)
  local p, variance = self.posterior, SPREADS[USUAL] ^ 2 / (2 * e:size(2))
  local covariance = p and e:matmul(p.covariance):matmul(e:t()) or e:matmul(e:t()) * variance
  local mean = p and e:matmul(p.mean:unsqueeze(2)):squeeze(2) or core.zeros(#e)
  local own = (covariance * core.eye(#e)):sum(2)
  return mean:unsqueeze(2) - mean:unsqueeze(1),
    (own:unsqueeze(2) + own:unsqueeze(1) - covariance * 2):maximum(0)
end

-- How much the answer about each pair of rows of e is expected to say about w, in bits (Houlsby et al. 2011, eq. 3):
-- its entropy less what is left of it when w is known; N x N. They have a probit, which is nearly the logistic function
-- of sqrt(8 / pi) times its argument.
local function information(self, e)
  local mean, variance = predict(self, e)
  local probit = math.sqrt(math.pi / 8)
  local c2 = math.pi * math.log(2) / 2
  mean, variance = mean * probit, variance * probit ^ 2
  local p = (mean / (variance + 1):sqrt() / probit):sigmoid():clamp(1e-6, 1 - 1e-6)
  local entropy = -(p * p:log() + (1 - p) * (1 - p):log()) / math.log(2)
  return entropy - (-mean:square() / ((variance + c2) * 2)):exp() * math.sqrt(c2) / (variance + c2):sqrt()
end

-- Numbers of `size` rows of e that are informative together: the best pair, then again and again the row that is best
-- beside those chosen.
local function choose(self, e, size)
  local bits = information(self, e)
  local first = math.tointeger(bits:max(2):argmax():item())
  local chosen, score, taken = {first}, bits[first]:clone(), core.zeros(#e)
  taken[first] = 1
  while #chosen < size do
    local next_one = math.tointeger((score - taken * 1e9):argmax():item())
    chosen[#chosen + 1] = next_one
    taken[next_one] = 1
    score = score + bits[next_one]
  end
  return chosen
end

-- Answers -------------------------------------------------------------------------------------------------------------

-- What an answer about n images says, as choices {members = numbers, targets = the share of each that was chosen}: an
-- order is a row of choices, each among those that are left (Plackett 1975).
local function choices(answer, n)
  local left, list = {}, {}
  for k = 1, n do
    left[k] = k
  end
  if answer == "same" then
    local targets = {}
    for k = 1, n do
      targets[k] = 1 / n
    end
    return {{members = left, targets = targets}}
  end
  for _, best in ipairs(answer) do
    local members, targets, rest = left, {}, {}
    for i, k in ipairs(members) do
      targets[i] = k == best and 1 or 0
      if k ~= best then rest[#rest + 1] = k end
    end
    if #members > 1 then list[#list + 1] = {members = members, targets = targets} end
    left = rest
  end
  return list
end

-- The answer in its one form, "same" or a list; or nil and what is wrong with it.
local function checked(answer, n)
  if answer == "same" then return answer end
  if math.type(answer) == "integer" then answer = {answer} end
  if type(answer) ~= "table" or #answer == 0 then
    return nil, text.message("an answer is a number, a list of numbers or 'same', not %s", tostring(answer))
  end
  local seen = {}
  for _, k in ipairs(answer) do
    if math.type(k) ~= "integer" or k < 1 or k > n or seen[k] then
      return nil, text.message("an answer names images by different numbers from 1 to %d, not %s", n, tostring(k))
    end
    seen[k] = true
  end
  return answer
end

-- What the answers say: a posterior, nil where they say nothing.
local function work_out(space, answers)
  local by_size, asked = {}, {}
  for _, given in ipairs(answers) do
    local e = space:standardize(given.z)
    for _, choice in ipairs(choices(given.answer, #e)) do
      local size = #choice.members
      local sets = by_size[size]
      if not sets then
        sets = {size = size, x = {}, targets = {}}
        by_size[size], asked[#asked + 1] = sets, sets
      end
      sets.x[#sets.x + 1] = e:index_select(core.tensor(choice.members))
      sets.targets[#sets.targets + 1] = choice.targets
    end
  end
  for _, sets in ipairs(asked) do
    sets.x, sets.targets = core.cat(sets.x), core.tensor(sets.targets)
  end
  return #asked > 0 and weighed_posterior(asked, space.latent) or nil
end

-- Sessions ------------------------------------------------------------------------------------------------------------

--- A session with a space (see space.lua). settings:
--   seed    of all random choices (1)
--   pool    latent vectors that the sets are taken from, such as encoded images: N x latent (drawn from the prior)
--   labels  of a conditional model: the class of all images (each set of one class, each class in turn)
function compass.new(space, settings)
  check.arguments("compass.new", "space:space settings:table?", space, settings)
  settings = check.options("compass", settings, {seed = {check.seed, 1}, pool = {check.tensor()},
    labels = {check.any}})
  local pool = settings.pool
  if pool and (pool.ndim ~= 2 or pool:size(2) ~= space.latent or #pool < 2) then
    check.fail("compass: the pool is at least 2 latent vectors N x %d, not %s", space.latent,
      table.concat(pool.shape, "x"))
  end
  space:labels(1, settings.labels) -- raises where there is no such class
  return setmetatable({space = space, seed = settings.seed, pool = pool, labels = settings.labels, answers = {}},
    Session)
end

-- Latent vectors to make a set of, which depend on the seed and the number of answers so far.
local function draw_pool(self)
  local seed = core.hash(("compass %d %d"):format(self.seed, #self.answers)) & 0x7FFFFFFF
  return scope.run({recording = false, seed = seed}, function()
    if not self.pool then return self.space:prior(POOL) end
    return self.pool:index_select(core.randperm(#self.pool):slice(1, 1, math.min(POOL, #self.pool)))
  end)
end

--- The next set to ask about, `size` (2) latent vectors that are not far from what the model knows: size x latent, and
-- their labels of a conditional model. The same again until it is answered. After 2000 answers nil and a message.
function Session:propose(size)
  size = check.value("propose: the size", size or 2, check.whole(LEAST, MOST))
  if #self.answers >= MOST_ANSWERS then
    return nil, text.message("%d answers are enough", #self.answers)
  end
  if not self.pending or #self.pending.z ~= size then
    local z = draw_pool(self)
    if #z < size then error(("propose: the pool has %d latent vectors, not %d"):format(#z, size), 2) end
    self.pending = {z = z:index_select(core.tensor(choose(self, self.space:standardize(z), size)))}
  end
  local class = self.space.conditional and (self.labels or #self.answers % self.space.conditional + 1)
  return self.pending.z, self.space:labels(size, class or nil)
end

-- Goes on with other answers. All that takes time comes first, so that an interrupt leaves a session as it was.
local function commit(self, answers, pending)
  local found = work_out(self.space, answers)
  self.answers, self.posterior, self.pending = answers, found, pending
end

--- Takes the answer about the proposed set: the number of the image that has the most; or the numbers of some or all of
-- them, from most to least, before all that are not named; or "same" where there is nothing to choose between them.
function Session:answer(answer)
  if not self.pending then error("answer: nothing was proposed", 2) end
  local good, message = checked(answer, #self.pending.z)
  if not good then error("answer: " .. message, 2) end
  local answers = table.move(self.answers, 1, #self.answers, 1, {})
  answers[#answers + 1] = {z = self.pending.z, answer = good}
  commit(self, answers, nil)
end

--- Takes the last answer back, so that its set is proposed again; false where there is none.
function Session:undo()
  local n = #self.answers
  if n == 0 then return false end
  commit(self, table.move(self.answers, 1, n - 1, 1, {}), {z = self.answers[n].z})
  return true
end

--- How many sets were answered.
function Session:count() return #self.answers end

--- The direction found so far, latent: z + 2 * direction has more of it by two standard deviations of the prior. nil
-- where the answers say nothing.
function Session:fit()
  local w = self.posterior and self.posterior.mean
  local length = w and w:norm():item() or 0
  if length < 1e-6 then return nil end
  local origin = core.zeros(1, self.space.latent)
  return (self.space:unstandardize(w:unsqueeze(1) / length) - self.space:unstandardize(origin)):squeeze(1)
end

--- How sure that direction is, 0 to 1: the cosine that is expected between it and the one in mind, by the posterior's
-- width. Answers that contradict each other, or that no direction explains, keep it low.
function Session:confidence() return self.posterior and self.posterior.certainty or 0 end

--- What was asked and answered, as plain data that compass.restore makes a session of again.
function Session:state()
  local answers = {}
  for i, given in ipairs(self.answers) do
    answers[i] = {z = given.z:totable(), answer = given.answer}
  end
  return {seed = self.seed, latent = self.space.latent, answers = answers}
end

-- An answer of a state; or nil and what is wrong with it.
local function restored(space, given)
  if type(given) ~= "table" or type(given.z) ~= "table" then return nil, "is damaged" end
  local n = #given.z
  if n < LEAST or n > MOST then return nil, text.message("is about %d images, not %d to %d", n, LEAST, MOST) end
  local vectors = check.test(given.z, check.list(check.list(check.real, {count = space.latent})))
  local answer = vectors and checked(given.answer, n)
  if not answer then return nil, "is damaged" end
  local z = core.tensor(given.z)
  local most = space:standardize(z):abs():max():item()
  if most ~= most or most >= FAR then
    return nil, text.message("is about latent vectors %d standard deviations away or more", FAR)
  end
  return {z = z, answer = answer}
end

--- A session that goes on with the answers of a state. settings: as compass.new's; the seed is the state's. Or nil and
-- a message, where it is no state or one of another latent space.
function compass.restore(space, state, settings)
  if type(state) ~= "table" or math.type(state.seed) ~= "integer" or type(state.answers) ~= "table" then
    return nil, "these are no answers to a compass's questions"
  elseif state.latent ~= space.latent then
    return nil, text.message("the answers are about %s latent dimensions, the model has %d", tostring(state.latent),
      space.latent)
  end
  local answers = {}
  if #state.answers > MOST_ANSWERS then
    return nil, text.message("there are %d answers, at most %d can be used", #state.answers, MOST_ANSWERS)
  end
  for i, given in ipairs(state.answers) do
    local answer, problem = restored(space, given)
    if not answer then return nil, text.message("answer %d %s", i, problem) end
    answers[i] = answer
  end
  local session = compass.new(space, settings)
  session.seed = state.seed
  commit(session, answers, nil)
  return session
end

return compass
