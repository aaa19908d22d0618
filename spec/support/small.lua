--- small.lua: a small data set and small models, for specs of what a function leaves behind when it fails.

local gl = require "genlat"
local nn = gl.nn

local small = {}

small.set = gl.data.load("digits", {train = 60, test = 40})

--- A class of classifiers, in place of LeNet-5.
small.classifier = nn.class "Classifier"
function small.classifier:init()
  self.hidden, self.output = nn.Linear(784, 84), nn.Linear(84, #small.set.classes)
  self.config = {model = "none"}
end
function small.classifier:embed(x) return self.hidden(x:flatten(2)) end
function small.classifier:forward(x) return self.output(self:embed(x)) end

--- A model with a layer that acts differently in training, parts in different states, and one frozen parameter.
function small.model_of(kind, config)
  local c = {image = {28, 28, 1}, hidden = {6}, latent = 2}
  for key, value in pairs(config or {}) do c[key] = value end
  local model = gl.models[kind](c)
  model.extra = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
  model.extra[2]:eval()
  model:parameters()[1].requires_grad = false
  return model
end

--- What is set in a model: by name, whether a module trains and a parameter takes gradients.
function small.flags(model)
  local list = {}
  model:walk(function(module, prefix) list[prefix] = module.training end)
  for _, p in ipairs(model:named_parameters()) do list[p[1]] = p[2].requires_grad end
  return list
end

return small
