-- Finding a direction by asking.
local gl = require "genlat"
local compass, latent = gl.latent.compass, gl.latent

local function space_of(kind, more)
  gl.seed(21)
  local config = {image = {4, 4, 1}, hidden = {4}, latent = 10}
  for key, value in pairs(more or {}) do config[key] = value end
  return latent.space(gl.models[kind](config))
end

-- A person who looks at w . e, and errs in a share of the answers.
local function person(space, seed, wrong)
  gl.seed(seed)
  local w = gl.randn(space.latent)
  w = w / w:norm()
  local random = gl.rand(200, 2)
  local asked = 0
  return w, function(z)
    asked = asked + 1
    local best = math.tointeger(space:standardize(z):matmul(w:unsqueeze(2)):squeeze(2):argmax():item())
    if random[{asked, 1}]:item() >= wrong then return best end
    local other = 1 + math.floor(random[{asked, 2}]:item() * (#z - 1))
    return other >= best and other + 1 or other
  end
end

-- The cosine between a direction and w, in standard deviations of the prior.
local function agreement(space, direction, w)
  local e = (space:standardize(direction:unsqueeze(1)) - space:standardize(gl.zeros(1, space.latent))):squeeze(1)
  return (e * w):sum():item() / e:norm():item()
end

-- Agreement with w after each of some numbers of answers, and the session.
local function learn(space, seed, wrong, answers, size)
  local session = compass.new(space, {seed = seed})
  local w, choose = person(space, 100 + seed, wrong)
  local found = {}
  for i = 1, answers[#answers] do
    session:answer(choose((session:propose(size))))
    if i == answers[#found + 1] then found[#found + 1] = agreement(space, session:fit(), w) end
  end
  return found, session
end

-- The same from sets that are drawn from the prior.
local function learn_at_random(space, seed, n)
  local w, choose = person(space, 100 + seed, 0)
  local state = {seed = 1, latent = space.latent, answers = {}}
  for i = 1, n do
    local z = space:prior(2)
    state.answers[i] = {z = z:totable(), answer = choose(z)}
  end
  return agreement(space, assert(compass.restore(space, state)):fit(), w)
end

local function near(a, b, tolerance) assert.is_true((a - b):abs():max():item() <= (tolerance or 1e-6)) end

describe("a compass", function()
  it("understands a person who ranks by a direction, sooner than by questions at random", function()
    local space = space_of "vae"
    local found, session = learn(space, 1, 0, {30, 60}) -- measured: 0.98 and 0.99
    local random = {learn_at_random(space, 1, 30), learn_at_random(space, 1, 60)} -- 0.93 and 0.96
    local text = ("%.3f %.3f, at random %.3f %.3f"):format(found[1], found[2], random[1], random[2])
    assert.is_true(found[1] > 0.95 and found[2] > 0.98, text)
    assert.is_true(found[1] > random[1] and found[2] > random[2], text)
    assert.is_true(session:confidence() > 0.9)
  end)

  it("understands one who errs in a tenth of the answers", function()
    local found, session = learn(space_of "vae", 3, 0.1, {30, 60}) -- measured: 0.94 and 0.99
    local text = ("%.3f %.3f, sure %.3f"):format(found[1], found[2], session:confidence())
    assert.is_true(found[1] > 0.85 and found[2] > 0.93 and session:confidence() > 0.8, text)
  end)

  it("learns more of each answer about larger sets, and from an order", function()
    local space = space_of "vae"
    local pairs_of, sets = learn(space, 2, 0, {12}, 2), learn(space, 2, 0, {12}, 5)
    assert.is_true(sets[1] > pairs_of[1] + 0.05 and sets[1] > 0.9, ("%.3f, %.3f"):format(sets[1], pairs_of[1]))
    local w = person(space, 102, 0)
    local session = compass.new(space, {seed = 2})
    for _ = 1, 12 do
      local order, utility = {1, 2, 3, 4, 5}, session:propose(5):matmul(w:unsqueeze(2)):squeeze(2):totable()
      table.sort(order, function(a, b) return utility[a] > utility[b] end)
      session:answer(order)
    end
    assert.is_true(agreement(space, session:fit(), w) > sets[1])
  end)

  it("is not sure where the answers contradict each other", function()
    local space = space_of "vae"
    local _, sensible = learn(space, 4, 0, {25})
    local _, random = learn(space, 4, 1, {25}, 2) -- always wrong: as sure, of the other end
    assert.is_true(random:confidence() > 0.6)
    assert.is_true(agreement(space, random:fit(), (person(space, 104, 0))) < -0.6)
    local _, tossed = learn(space, 4, 0.5, {25})
    assert.is_true(tossed:confidence() < sensible:confidence() - 0.1,
      ("%.3f, %.3f"):format(tossed:confidence(), sensible:confidence()))
    assert.equal(0, compass.new(space):confidence())
  end)

  it("takes logistic regression's answer, with a ridge, for pairs", function()
    local space = space_of("vae", {latent = 2})
    local z, better = gl.randn(30, 2, 2), {}
    local state = {seed = 1, latent = 2, answers = {}}
    for i = 1, 30 do
      better[i] = (z[i][1] - z[i][2])[1]:item() + 0.3 * math.sin(7 * i) > 0 and 1 or 2
      state.answers[i] = {z = z[i]:totable(), answer = better[i]}
    end
    local session = assert(compass.restore(space, state))
    local w = gl.zeros(2) -- by gradient ascent of log-likelihood - |w|^2 / (2 t^2), t^2 = 2^2 / (2 * 2)
    for _ = 1, 3000 do
      local slope = -w
      for i = 1, 30 do
        local x = z[i][better[i]] - z[i][3 - better[i]]
        slope = slope + x * (1 - (w * x):sum():sigmoid())
      end
      w = w + slope * 0.02
      if slope:norm():item() < 1e-4 then break end
    end
    near(w / w:norm(), session:fit(), 2e-3)
  end)

  it("gives a direction of length 1 in standard deviations of an autoencoder's latent vectors", function()
    local space = space_of "autoencoder"
    gl.no_grad(function() space.model:fit_sampler(gl.randn(900, 10) * gl.linspace(0.1, 5, 10) + 3) end)
    local found, session = learn(space, 1, 0, {40})
    local e = session:fit() / space.model.latent_std
    assert.is_true(math.abs(e:norm():item() - 1) < 1e-4)
    assert.is_true(found[1] > 0.93)
  end)

  it("says nothing where it was told nothing", function()
    local space = space_of "vae"
    local session = compass.new(space)
    assert.is_nil(session:fit())
    session:propose(3)
    session:answer "same"
    assert.is_nil(session:fit())
    session:propose()
    session:answer(2)
    assert.is_not_nil(session:fit())
  end)
end)

describe("a session", function()
  it("depends on its seed and the answers only", function()
    local space = space_of "vae"
    local function ask(seed)
      local session, sets = compass.new(space, {seed = seed}), {}
      for i = 1, 4 do
        gl.seed(i * seed)
        local before = table.pack(gl.rng_state())
        sets[i] = session:propose()
        assert.same(before, table.pack(gl.rng_state()))
        assert.equal(sets[i], (session:propose())) -- the same until it is answered
        session:answer(i % 2 + 1)
      end
      return gl.cat(sets), session:fit()
    end
    local z, found = ask(5)
    local again, found_again = ask(5)
    near(z, again, 0)
    near(found, found_again, 0)
    assert.is_true((z - ask(6)):abs():max():item() > 0.1)
  end)

  it("takes answers back", function()
    local space = space_of "vae"
    local session = compass.new(space)
    assert.is_false(session:undo())
    session:propose()
    session:answer(1)
    local before, second = session:fit(), session:propose()
    session:answer(1)
    assert.equal(2, session:count())
    assert.is_true(session:undo())
    near(before, session:fit(), 0)
    near(second, (session:propose()), 0)
    session:answer(2)
    assert.is_true((before - session:fit()):abs():max():item() > 1e-3)
  end)

  it("takes its sets from a pool where one is given, and of different vectors", function()
    local space = space_of "vae"
    local pool = gl.randn(7, 10)
    local z = compass.new(space, {pool = pool}):propose(7)
    near(pool:sum(1), z:sum(1), 1e-5)
    assert.error_matches(function() compass.new(space, {pool = pool}):propose(8) end, "has 7 latent vectors, not 8")
    assert.error_matches(function() compass.new(space, {pool = gl.zeros(7, 3)}) end, "at least 2 latent vectors N x 10")
  end)

  it("with a conditional model shows one class at a time", function()
    local space = space_of("cvae", {classes = 3})
    local session, classes = compass.new(space), {}
    for i = 1, 4 do
      local z, labels = session:propose(2)
      assert.same({2, 4, 4, 1}, space:decode(z, labels).shape)
      assert.equal(labels[1]:item(), labels[2]:item())
      classes[i] = labels[1]:item()
      session:answer(1)
    end
    assert.same({1, 2, 3, 1}, classes)
    assert.same({2, 2}, select(2, compass.new(space, {labels = 2}):propose()):totable())
    assert.error_matches(function() compass.new(space, {labels = 4}) end, "a class is 1 to 3, not 4")
    assert.is_nil(select(2, compass.new(space_of "vae"):propose()))
  end)

  it("goes on from its state", function()
    local space = space_of "vae"
    local session = compass.new(space, {seed = 7})
    for _, answer in ipairs {1, "same", {3, 1}} do
      session:propose(3)
      session:answer(answer)
    end
    local json = require "genlat.json"
    local state = json.decode(json.encode(session:state()))
    local again = assert(compass.restore(space, state))
    near(session:fit(), again:fit(), 0)
    near((session:propose()), (again:propose()), 0)
    local function refused(change)
      local damaged = json.decode(json.encode(state))
      change(damaged)
      local nothing, message = compass.restore(space, damaged)
      assert.is_nil(nothing)
      return message
    end
    assert.equal("the answers are about 4 latent dimensions, the model has 10",
      refused(function(s) s.latent = 4 end))
    assert.matches("no answers", refused(function(s) s.answers = nil end))
    assert.equal("answer 2 is damaged", refused(function(s) s.answers[2].z = {{1, 2}, {3}} end))
    assert.equal("answer 3 is damaged", refused(function(s) s.answers[3].answer = {4} end))
    assert.equal("answer 1 is damaged", refused(function(s) s.answers[1].z[1][1] = "inf" end))
    local far = "answer 1 is about latent vectors 100 standard deviations away or more"
    for _, value in ipairs {1e39, 1e6, -101, math.huge, 0 / 0} do
      assert.equal(far, refused(function(s) s.answers[1].z[1][1] = value end))
    end
    assert.equal("answer 1 is damaged", refused(function(s) s.answers[1].z = 3 end))
    assert.equal("answer 1 is damaged", refused(function(s) s.answers[1].z[2] = {{1}} end))
    assert.equal("answer 1 is damaged", refused(function(s) s.answers[1].answer = {a = 1} end))
    assert.equal("answer 1 is about 0 images, not 2 to 9", refused(function(s) s.answers[1].z = {} end))
    assert.equal("answer 2 is about 1000 images, not 2 to 9", refused(function(s)
      for i = 4, 1000 do s.answers[2].z[i] = s.answers[2].z[1] end
    end))
    assert.equal("there are 2001 answers, at most 2000 can be used", refused(function(s)
      for i = 4, 2001 do s.answers[i] = s.answers[1] end
    end))
    assert.equal("answer 1 is damaged", refused(function(s) s.answers[1] = 3 end))
  end)

  it("takes as many and as large sets as there may be, in little memory, and then asks no more", function()
    local space = space_of "vae"
    local state = {seed = 1, latent = 10, answers = {}}
    for i = 1, 2000 do
      state.answers[i] = {z = (gl.rand(9, 10) * 198 - 99):totable(), answer = {1, 2, 3, 4, 5, 6, 7, 8, 9}}
    end
    local before = gl.memory().peak
    local session = assert(compass.restore(space, state))
    assert.is_true(gl.memory().peak < before + 2^26)
    assert.is_true(session:confidence() > 0 and session:confidence() < 1)
    assert.is_true(math.abs(session:fit():norm():item() - 1) < 1e-4)
    local z, message = session:propose()
    assert.is_nil(z)
    assert.equal("2000 answers are enough", message)
    assert.is_true(session:undo())
    assert.same({2, 10}, (session:propose()).shape)
  end)

  it("is as it was where an answer is interrupted", function()
    local space = space_of "vae"
    local session, other = compass.new(space), compass.new(space)
    for i = 1, 3 do
      local z = session:propose()
      local before, sure = session:state(), session:confidence()
      space.standardize = function() error("interrupted!", 0) end
      assert.error_matches(function() session:answer(1) end, "interrupted!")
      if i > 2 then assert.error_matches(function() session:undo() end, "interrupted!") end
      space.standardize = nil
      assert.same(before, session:state())
      assert.equal(sure, session:confidence())
      assert.equal(z, (session:propose()))
      session:answer(1)
      other:propose()
      other:answer(1)
    end
    near(other:fit(), session:fit(), 0)
    assert.same(other:state(), session:state())
  end)

  it("leaves random numbers as they were where drawing a set is interrupted", function()
    local space = space_of "vae"
    space.prior = function() error("interrupted!", 0) end
    local before = {gl.rng_state()}
    assert.error_matches(function() compass.new(space):propose() end, "interrupted!")
    assert.same(before, {gl.rng_state()})
  end)

  it("explains mistakes", function()
    local session = compass.new(space_of "vae")
    assert.error_matches(function() session:answer(1) end, "nothing was proposed")
    assert.error_matches(function() session:propose(1) end, "the size is a whole number from 2 to 9, not 1")
    session:propose(3)
    assert.error_matches(function() session:answer(4) end, "different numbers from 1 to 3, not 4")
    assert.error_matches(function() session:answer {1, 1} end, "different numbers from 1 to 3, not 1")
    assert.error_matches(function() session:answer "first" end, "an answer is a number, a list of numbers or 'same'")
    assert.equal(0, session:count())
  end)
end)
