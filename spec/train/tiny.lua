-- tiny.lua: the smallest training run there is, in this process: images of 4 x 4, four steps an epoch.

local gl = require "genlat"
local train = require "genlat.train"

local tiny = {STEPS = 4}

--- The run that a command line of words opens.
function tiny.open(...)
  local options = train.options.new("train_tiny", "Trains an autoencoder.", {run = "tiny", epochs = 2})
  return train.run.open(options:parse {"--quiet", ...})
end

--- Begins it; returns its model and optimizer.
function tiny.begin(run)
  local model = gl.models.autoencoder {image = {4, 4, 1}, hidden = {2}, latent = 1}
  local optimizer = gl.optim.Adam(model, {lr = run.values.lr})
  run:begin {model = model, optimizers = {adam = optimizer}, steps = tiny.STEPS, train = {"loss"}, test = {"loss"},
    text = function(values) return ("%.2f"):format(values.loss) end}
  return model, optimizer
end

--- Trains from where it is to the end, and leaves the folder to others, also after an error, which it returns.
-- change(model, epoch, step, optimizer) may do harm after a step.
function tiny.train(run, change)
  local ok, problem = pcall(tiny.loop, run, change)
  gl.core.release_interrupt()
  if run.lock then run.lock:release() end
  return not ok and problem or nil
end

function tiny.loop(run, change)
  local model, optimizer = tiny.begin(run)
  for epoch = run.epoch, run.values.epochs do
    for step = run.step, tiny.STEPS do
      local loss = model:loss(gl.rand(8, 4, 4, 1)).loss
      optimizer:zero_grad()
      loss:backward()
      optimizer:step()
      if change then loss = change(model, epoch, step, optimizer) or loss end
      run:stepped({loss = loss}, 8)
    end
    run:finish_epoch {loss = tiny.test or model:loss(gl.ones(1, 4, 4, 1)).loss:item()}
  end
end

return tiny
