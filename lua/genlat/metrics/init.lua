--- metrics: numbers for how good a model is. Pure computation: nothing here prints.
--
--   of two sets of images, by features N x D or logits N x K of a classifier (metrics.classifier):
--     frechet, precision_recall, classifier_score, class_shares, modes_covered, variation
--   of images and what a model makes of them: mse, psnr, ssim, reconstruction
--   of a VAE, in nats per image: elbo, log_likelihood
--   of scores that are to tell examples of two kinds apart: auroc, average_precision
--   of images, the factors that they were drawn with: regressor
--   of images drawn from a model, beside real ones, over several seeds: samples
--   of a model, all that can be: evaluate

local parts = {
  distribution = {
    "moments", "frechet", "neighbourhood", "precision_recall", "classifier_score", "class_shares", "modes_covered",
    "variation",
  },
  image = {"mse", "psnr", "ssim", "reconstruction"},
  likelihood = {"elbo", "log_likelihood"},
  ranking = {"auroc", "average_precision"},
}

local metrics = {
  classifier = require "genlat.metrics.classifier", regressor = require "genlat.metrics.regressor",
  evaluate = require "genlat.metrics.evaluation", samples = require "genlat.metrics.samples",
}

for name, functions in pairs(parts) do
  local part = require("genlat.metrics." .. name)
  for _, key in ipairs(functions) do
    metrics[key] = part[key]
  end
end

return metrics
