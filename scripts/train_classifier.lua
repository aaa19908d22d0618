-- train_classifier.lua: trains LeNet-5 or VGG to tell classes apart. `lua scripts/train_classifier.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local classifier = train.classifier

train.main(function()
  local options = train.options.new("train_classifier", "Trains a classifier: LeNet-5 (LeCun et al. 1998) or VGG "
    .. "(Simonyan & Zisserman 2015).", {run = "classifier", epochs = 15})
  classifier.add_options(options)
  local parsed = options:parse(arg)
  local run = train.run.open(parsed)
  local o = parsed.values

  local data = train.check(classifier.data(run))
  local model = classifier.model(o, data)
  local optimizer = gl.optim.Adam(model, {lr = o.lr})
  local schedule = gl.optim.CosineAnnealingLR(optimizer, {t_max = o.epochs * data.train:steps(o.batch)})
  run:say("%s", model)
  run:begin {
    model = model, optimizers = {adam = optimizer}, steps = data.train:steps(o.batch),
    train = classifier.MEASURES, test = classifier.MEASURES, text = classifier.text,
    last_line = classifier.last_line,
  }

  for epoch = run.epoch, o.epochs do
    for step, x, labels in data.train:batches {size = o.batch, seed = o.seed, epoch = epoch, first = run.step,
                                               shift = o.shift} do
      schedule:set((epoch - 1) * run.steps + step - 1)
      local logits = model(x)
      local loss = logits:cross_entropy(labels)
      optimizer:zero_grad()
      loss:backward()
      optimizer:step()
      run:stepped({loss = loss, error = classifier.error(logits, labels)}, #x)
    end
    run:finish_epoch(classifier.evaluate(model, data.test))
  end

  run:finish(classifier.results(data))
end)
