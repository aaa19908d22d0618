-- The models: their shapes, their losses, and their files.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local safetensors = require "genlat.safetensors"

local x = gl.data.load("digits", {train = 20, test = 1}).train:head(20)

for kind, name in pairs {vae = "VAE", autoencoder = "Autoencoder"} do
  describe(name, function()
    it("has the shapes of its config, for one channel or three", function()
      for _, image in ipairs {{28, 28, 1}, {8, 6, 3}} do
        local model = gl.models[kind] {image = image, hidden = {16, 8}, latent = 3}
        local images = gl.rand(5, table.unpack(image))
        assert.same({5, 3}, model:encode(images).shape)
        assert.same(images.shape, model:decode(gl.randn(5, 3)).shape)
        assert.same(images.shape, model:reconstruct(images).shape)
        assert.same({2, table.unpack(image)}, model:sample(2).shape)
        local y = model(images)
        assert.is_true(y:min():item() >= 0 and y:max():item() <= 1)
      end
    end)

    for _, likelihood in ipairs {"bernoulli", "gaussian"} do
      it("learns with a " .. likelihood .. " likelihood", function()
        gl.seed(1)
        local model = gl.models[kind] {hidden = {64}, latent = 4, likelihood = likelihood}
        local optimizer = gl.optim.Adam(model, {lr = 3e-3})
        local first, last
        for _ = 1, 150 do
          local loss = model:loss(x)
          optimizer:zero_grad()
          loss.loss:backward()
          optimizer:step()
          first, last = first or loss.loss:item(), loss.loss:item()
        end
        assert.is_true(last < first - 250, ("%g -> %g"):format(first, last))
      end)
    end

    it("is the same after it was written and read", function()
      local folder = Folder.new()
      local model = gl.models[kind] {hidden = {12}, latent = 2, likelihood = "gaussian"}
      assert(gl.models.save(folder:path "model.safetensors", model, {data = "digits", epochs = 3}))
      local copy, notes = assert(gl.models.load(folder.name))
      assert.same({data = "digits", epochs = 3}, notes)
      assert.same(model.config, copy.config)
      assert.equal(0, (model:reconstruct(x) - copy:reconstruct(x)):abs():max():item())
      assert.is_false(copy.training)
      folder:remove()
    end)

    it("explains a config it cannot use", function()
      for _, case in ipairs {
        {{latent = 0}, "latent is a whole number from 1 to 16777216, not 0"},
        {{hidden = {10, 2.5}}, "hidden[2] is a whole number from 1 to 16777216, not 2.5"},
        {{hidden = "10"}, "hidden[1] is a whole number from 1 to 16777216, not '10'"},
        {{image = {28, 28}}, "image is a list of 3, each a whole number from 1 to 65536, not a list of 2"},
        {{likelihood = "poisson"}, "likelihood is bernoulli or gaussian, not poisson"},
        {{hiden = {3}}, "there is no option 'hiden'; there are"},
        {{model = "gan"}, ("model is %s, not gan"):format(kind)},
      } do
        local ok, message = pcall(function() gl.models[kind](case[1]) end)
        assert.is_false(ok)
        assert.is_truthy(message:find("^spec/models_spec%.lua:%d+: "), message)
        assert.is_truthy(message:find((": %s: %s"):format(kind, case[2]), 1, true), message)
      end
    end)

    it("takes a single size for a list, and whole numbers however they are written", function()
      local model = gl.models[kind] {hidden = 7.0, latent = 2.0}
      assert.same({{7}, 2}, {model.config.hidden, model.config.latent})
      assert.equal("integer", math.type(model.config.latent))
    end)
  end)
end

describe("VAE", function()
  it("adds its parts up, the KL weighed by beta", function()
    gl.seed(2)
    local model = gl.models.vae {hidden = {16}, latent = 3, beta = 4}
    local parts = model:loss(x)
    local loss, sum = parts.loss:item(), parts.reconstruction:item() + 4 * parts.kl:item()
    assert.is_true(math.abs(loss - sum) < 1e-3)
  end)

  it("has a KL of 0 exactly where the posterior is the prior", function()
    local model = gl.models.vae {hidden = {16}, latent = 3}
    for _, layer in ipairs {model.mean, model.logvar} do
      for _, p in ipairs(layer:parameters()) do
        gl.nn.init.constant(p, 0)
      end
    end
    assert.equal(0, model:loss(x).kl:item())
  end)

  it("reconstructs worse than log 2 per pixel from nothing but a coin", function()
    local model = gl.models.vae {hidden = {16}, latent = 3}
    for _, p in ipairs(model.decoder:parameters()) do
      gl.nn.init.constant(p, 0)
    end
    assert.is_true(math.abs(model:loss(x).reconstruction:item() - 784 * math.log(2)) < 1e-2)
  end)
end)

describe("GAN and DCGAN", function()
  local cases = {
    {"gan", {hidden = {16}, latent = 5}}, {"gan", {hidden = {16}, latent = 5, classes = 3, image = {6, 8, 3}}},
    {"dcgan", {maps = 4, latent = 5}}, {"dcgan", {maps = 2, latent = 5, classes = 4, image = {64, 64, 3}}},
    {"dcgan", {maps = 4, latent = 5, spectral = true, loss = "hinge", image = {32, 32, 1}}},
  }
  for i, case in ipairs(cases) do
    it(("case %d has the shapes of its config, and both networks learn"):format(i), function()
      gl.seed(i)
      local model = gl.models[case[1]](case[2])
      local h, w, c = table.unpack(model.config.image)
      local real, labels = gl.rand(4, h, w, c), case[2].classes and gl.tensor {1, 2, 3, 1}
      local y = model:decode(gl.randn(4, 5), labels)
      assert.same({4, h, w, c}, y.shape)
      assert.is_true(y:min():item() >= 0 and y:max():item() <= 1)
      local fake = model:generate(gl.randn(4, 5), labels)
      local judged = model:discriminator_loss(model.scaled(real), fake, labels)
      judged.loss:backward()
      assert.is_nil(model.generator:parameters()[1].grad) -- the discriminator's step stops at the images
      assert.is_true(model.discriminator:parameters()[1].grad:norm():item() > 0)
      model:zero_grad()
      model.discriminator:freeze()
      model:generator_loss(fake, labels):backward()
      assert.is_nil(model.discriminator:parameters()[1].grad) -- frozen: not computed
      assert.is_true(model.generator:parameters()[1].grad:norm():item() > 0)
    end)
  end

  it("have the losses of their papers where the scores are known", function()
    local model = gl.models.gan {hidden = {4}}
    for _, p in ipairs(model.discriminator:parameters()) do
      gl.nn.init.constant(p, 0)
    end
    local judged = model:discriminator_loss(gl.zeros(2, 28, 28, 1), gl.zeros(2, 28, 28, 1))
    assert.is_true(math.abs(judged.loss:item() - 2 * math.log(2)) < 1e-6) -- nothing but a coin
    assert.equal(0.5, judged.real)
    assert.equal(0.5, judged.fake)
    assert.is_true(math.abs(model:generator_loss(gl.zeros(2, 28, 28, 1)):item() - math.log(2)) < 1e-6)
  end)

  it("explain a config they cannot use", function()
    assert.error_matches(function() gl.models.dcgan {image = {30, 30, 1}} end, "%(28, 32, 64, ...%), not 30 x 30")
    assert.error_matches(function() gl.models.gan {loss = "l2"} end,
      "gan: loss is gan, wasserstein or hinge, not l2")
  end)
end)

describe("classifiers", function()
  it("have the parameters of their papers' figures", function()
    assert.equal(61706, gl.models.lenet5({}):parameter_count()) -- C3 sees all maps of S2
    assert.same({2, 10}, gl.models.lenet5({})(gl.zeros(2, 28, 28, 1)).shape)
    assert.same({2, 84}, gl.models.lenet5({tanh = true, image = {32, 32, 3}}):embed(gl.zeros(2, 32, 32, 3)).shape)
    -- Simonyan & Zisserman 2015, table 2: 133, 133, 134, 138 and 144 million
    assert.equal(138357544, gl.models.vgg({configuration = "D"}):parameter_count())
  end)

  it("are small for small images", function()
    for _, letter in ipairs {"A", "B", "C", "D", "E"} do
      local model = gl.models.vgg {configuration = letter, image = {32, 32, 1}, classes = 4, hidden = {8}, divide = 16,
                                   normalized = true}
      assert.same({2, 4}, model(gl.zeros(2, 32, 32, 1)).shape)
    end
    assert.error_matches(function() gl.models.vgg {image = {28, 28, 1}} end, "divisible by 32, not 28 x 28")
    assert.error_matches(function() gl.models.lenet5 {image = {12, 12, 1}} end, "too small: 16 x 16 is the least")
  end)
end)

describe("convolutional autoencoders", function()
  it("mirror their convolutions", function()
    for _, kind in ipairs {"vae", "autoencoder", "cvae"} do
      local model = gl.models[kind] {maps = {4, 6}, hidden = {10}, latent = 3, image = {12, 8, 2}}
      local labels = gl.ones(5)
      assert.same({5, 12, 8, 2}, model:reconstruct(gl.rand(5, 12, 8, 2), labels).shape)
    end
    assert.error_matches(function() gl.models.vae {maps = {4, 4, 4}} end, "28 x 28 cannot be halved 3 times")
  end)
end)

describe("models.load", function()
  local folder
  before_each(function() folder = Folder.new() end)
  after_each(function() folder:remove() end)

  it("explains what it cannot read", function()
    local _, message = gl.models.load(folder.name)
    assert.matches("model.safetensors: cannot be opened: No such file or directory", message)
    for _, name in ipairs {"checkpoint", "vae", "autoencoder"} do
      gl.core.write_file(folder:path(name .. ".safetensors"), "")
    end
    _, message = gl.models.load(folder.name)
    assert.equal(folder.name .. ": there is no model.safetensors; say which file it is: autoencoder.safetensors, "
      .. "vae.safetensors", message)
    gl.core.write_file(folder:path "model.safetensors", "nonsense")
    _, message = gl.models.load(folder.name)
    assert.matches("^" .. folder.name:gsub("%p", "%%%0") .. "/model.safetensors: ", message)
    assert(require("genlat.safetensors").save(folder:path "model.safetensors", {a = gl.zeros(2)}, {}))
    _, message = gl.models.load(folder.name)
    assert.matches("not a model of genlat's", message)
  end)

  local function write(tensors, config, notes)
    assert(safetensors.save(folder:path "model.safetensors", tensors, {config = config, notes = notes or "{}"}))
  end

  -- What load says of a file, without its path.
  local function message_of(...)
    write(...)
    local model, message = gl.models.load(folder.name)
    assert.is_nil(model)
    assert.is_nil(message:find "%c")
    local path = folder:path "model.safetensors" .. ": "
    assert.equal(path, message:sub(1, #path))
    return message:sub(#path + 1)
  end

  it("refuses tensors that do not fit the config", function()
    local config = '{"model":"vae","hidden":[4],"latent":%d}'
    local state = gl.models.vae({hidden = {4}, latent = 2}):state_dict()
    assert.equal("load_state_dict: decoder.1.weight is 4x2, the model has 4x3", message_of(state, config:format(3)))
    state["mean.bias"] = nil
    assert.equal("load_state_dict: mean.bias is missing", message_of(state, config:format(2)))
    state["mean.bias"], state["mean.\27"] = gl.zeros(2), gl.zeros(2)
    assert.equal("load_state_dict: the model has no mean.\\x1B", message_of(state, config:format(2)))
  end)

  it("says in one line which field of a file is wrong, and how", function()
    local size = "a whole number from 1 to 16777216, not "
    for config, message in pairs {
      ['{"model":"vae","latent":"20"}'] = "config: vae: latent is " .. size .. "'20'",
      ['{"model":"vae","latent":[20]}'] = "config: vae: latent is " .. size .. "a list of 1",
      ['{"model":"vae","beta":NaN}'] = "config: vae: beta is a number from 0, not nan",
      ['{"model":"vae","hidden":null}'] = "config: vae: hidden[1] is " .. size .. "null",
      ['{"model":"vae","hidden":[[1]]}'] = "config: vae: hidden[1] is " .. size .. "a list of 1",
      ['{"model":"vae","unit":{}}'] = "config: vae: unit is relu or tanh, not an empty table",
      ['{"model":"vae","likelihood":"\\u001b[2J"}'] = "config: vae: likelihood is bernoulli or gaussian, "
        .. "not '\\x1B[2J'",
      ['{"model":"vae","samples":1e15}'] = "config: vae: samples is " .. size .. "1000000000000000",
      ['{"model":"vgg","divide":0}'] = "config: vgg: divide is " .. size .. "0",
      ['{"model":"vae","image":[4294967296,4294967296,1]}'] = "config: vae: image[1] is a whole number from 1 "
        .. "to 65536, not 4294967296",
      ['{"model":"dcgan","maps":[1,2]}'] = "config: dcgan: maps is " .. size .. "a list of 2",
      ['{"model":{}}'] = "config.model is a text, not an empty table",
      ['[1,2]'] = "config.model is a text, not nothing",
      ['{"model":"\\u001b]0;x\\u0007"}'] = "there is no model '\\x1B]0;x\\x07'; there are autoencoder, "
        .. "cvae, dcgan, gan, lenet5, vae, vgg; a class of one's own is made known by gl.models.register first",
      ['{"model":"init"}'] = "there is no model 'init'; there are autoencoder, cvae, dcgan, gan, lenet5, vae, vgg; "
        .. "a class of one's own is made known by gl.models.register first",
      [("["):rep(5000)] = "config: Found too many nested data structures (1001) at character 1001",
      [("[1,"):rep(400000)] = "config: has 1200000 characters, the limit is 1048576",
    } do
      assert.equal(message, message_of({x = gl.zeros(1)}, config))
    end
    for notes, message in pairs {
      ["3"] = "notes is a table, not 3",
      ['{"options":3}'] = "notes.options is a table or nothing, not 3",
      ['{"options":{"data":3}}'] = "notes.options.data is a text or nothing, not 3",
      ['{"epochs":"x"}'] = "notes.epochs is a number from 0 or nothing, not 'x'",
    } do
      assert.equal(message, message_of({x = gl.zeros(1)}, '{"model":"vae"}', notes))
    end
  end)

  it("takes no memory for sizes that the file's tensors do not have", function()
    local before = gl.memory().live
    for _, config in ipairs {
      '{"model":"vae","hidden":[1000000]}', '{"model":"vae","latent":1000000,"hidden":[1000]}',
      '{"model":"gan","hidden":[16777216,16777216]}', '{"model":"vgg"}', '{"model":"lenet5","width":16777216}',
      '{"model":"dcgan","maps":16777216}', '{"model":"vae","image":[65536,65536,65536]}',
      '{"model":"cvae","classes":16777216}',
    } do
      assert.equal("config: asks for a larger model than its tensors make, which have 1 number",
        message_of({x = gl.zeros(1)}, config))
    end
    assert.is_true(gl.memory().live - before < 1 << 25)
    assert.equal("load_state_dict: decoder.1.bias is missing",
      message_of({x = gl.zeros(1)}, ('{"model":"vae","image":[1,1,1],"hidden":[%s1]}'):format(("1,"):rep(999))))
  end)

  it("gives memory again after it refused some", function()
    write({x = gl.zeros(1)}, '{"model":"vgg"}')
    assert.is_nil(gl.models.load(folder.name))
    assert.same({1 << 23}, gl.zeros(1 << 23).shape)
  end)

  it("leaves the random numbers as they were", function()
    assert(gl.models.save(folder:path "model.safetensors", gl.models.vae {hidden = {4}}))
    gl.seed(8)
    local before = gl.rand(1):item()
    gl.seed(8)
    assert(gl.models.load(folder.name))
    assert.equal(before, gl.rand(1):item())
  end)
end)

describe("models.save", function()
  local folder
  before_each(function() folder = Folder.new() end)
  after_each(function()
    folder:remove()
    for _, name in ipairs {"tiny", "liar"} do gl.models.kinds[name], gl.models[name] = nil, nil end
  end)

  -- A class of a user's own.
  local function tiny_class()
    local Tiny = gl.nn.class "Tiny"
    function Tiny:init(config)
      self.config = config
      self.inner = gl.nn.Linear(config.width, 2)
    end
    function Tiny:forward(y) return self.inner(y) end
    return Tiny
  end

  local function refusal(...)
    local arguments = table.pack(...)
    local ok, message = pcall(function() gl.models.save(folder:path "m", table.unpack(arguments, 1, arguments.n)) end)
    assert.is_false(ok)
    assert.is_nil(gl.core.file_kind(folder:path "m"))
    return (message:gsub("^spec/models_spec%.lua:%d+: models%.save: ", ""))
  end

  it("refuses what load could not read", function()
    assert.equal("load could not build a Tiny: make its class known by models.register, or keep its parameters alone "
      .. "by model:save_state(path)", refusal(tiny_class()({width = 3})))
    assert.equal("expected a model, got a nil", refusal(nil))
    local model = gl.models.vae {hidden = {4}, latent = 2}
    assert.equal("notes.f is a function, which a file cannot keep", refusal(model, {f = print}))
    assert.equal("notes.list[2] is a function, which a file cannot keep", refusal(model, {list = {1, print}}))
    model.config.latent = 3
    assert.equal("load could not read this VAE: one built from its config has other tensors", refusal(model))
    model.config.latent = "x"
    assert.equal("load could not build this VAE: vae: latent is a whole number from 1 to 16777216, not 'x'",
      refusal(model))
    model = gl.models.vae {hidden = {4}, latent = 2}
    model.more = gl.nn.Linear(2, 2)
    assert.equal("load could not read this VAE: one built from its config has other tensors", refusal(model))
  end)

  it("keeps a class of one's own under the name that it was registered by", function()
    local Tiny = tiny_class()
    gl.models.register("tiny", Tiny)
    local model = gl.models.tiny {width = 3, list = {1, 2.5}, word = "\27"}
    assert(gl.models.save(folder:path "m", model, {note = 1}))
    local again, notes = assert(gl.models.load(folder:path "m"))
    assert.equal(Tiny, getmetatable(again))
    assert.same({width = 3, list = {1, 2.5}, word = "\27"}, again.config)
    assert.same({note = 1}, notes)
    assert.is_false(again.training)
    assert.equal(0, (model(gl.ones(1, 3)) - again(gl.ones(1, 3))):abs():max():item())
    local made = Tiny {width = 1 << 24}
    assert(gl.models.save(folder:path "m", made))
    assert(gl.models.load(folder:path "m"))
    gl.models.kinds.tiny, gl.models.tiny = nil, nil
    local none, message = gl.models.load(folder:path "m")
    assert.is_nil(none)
    assert.is_truthy(message:find("there is no model 'tiny'", 1, true), message)
  end)

  it("refuses a class whose config does not build it again", function()
    local Liar = gl.nn.class "Liar"
    function Liar:init(config)
      self.config = {}
      self.inner = gl.nn.Linear(config.width, 2)
    end
    gl.models.register("liar", Liar)
    assert.matches("^load could not build this Liar: .*Linear: inputs is missing", refusal(gl.models.liar {width = 3}))
    local silent = gl.nn.class "Silent"
    gl.models.register("liar", silent)
    assert.equal("a Silent keeps no self.config, from which load could build it", refusal(silent()))
    local Named = tiny_class()
    gl.models.register("liar", Named)
    assert.equal("config.model is taken: it becomes the name of the model's class, 'liar'",
      refusal(Named {width = 1, model = "x"}))
    assert.equal("config.f is a function, which a file cannot keep", refusal(Named {width = 1, f = print}))
    assert.equal("config.t is a userdata, which a file cannot keep", refusal(Named {width = 1, t = gl.zeros(1)}))
  end)

  it("registers under names that are free", function()
    for _, case in ipairs {
      {"vae", tiny_class(), "register: 'vae' is the name of something else in gl.models"},
      {"save", tiny_class(), "register: 'save' is the name of something else in gl.models"},
      {"a b", tiny_class(), "register: name: letters, digits and _, not 'a b'"},
      {3, tiny_class(), "register: name is a text, not 3"},
      {"tiny", {}, "register: class: a class of modules (gl.nn.class), not a table"},
      {"tiny", tiny_class()({width = 1}), "register: class: a class of modules (gl.nn.class), not a table"},
    } do
      local ok, message = pcall(function() gl.models.register(case[1], case[2]) end)
      assert.is_false(ok)
      assert.equal(case[3], (message:gsub("^spec/models_spec%.lua:%d+: ", "")))
    end
  end)

  it("keeps whole numbers of notes exactly", function()
    local model = gl.models.vae {hidden = {4}, latent = 2}
    assert(gl.models.save(folder:path "m", model, {options = {data = "digits", seed = 1 << 53}}))
    local _, notes = gl.models.load(folder:path "m")
    assert.equal(1 << 53, notes.options.seed)
  end)

  it("names images that are missing from a conditional VAE's loss", function()
    local cvae = gl.models.cvae {image = {4, 4, 1}, hidden = {3}, latent = 2, classes = 2}
    assert.error_matches(function() cvae:loss() end, "cvae: images is a tensor, not nothing")
  end)
end)
