--- losses.lua: what the loss of a model with an encoder consists of: the names of its parts, one line of text, and the
-- headline and the explanation of a report. All in nats per image, summed over pixels and averaged over images.
--
--   an autoencoder     loss = reconstruction
--   a VAE              loss = reconstruction + beta KL
--   an IWAE            loss = the bound of K samples; reconstruction and KL are the ELBO's, for comparison
--
-- config.beta and config.samples (K) say which one it is, model.posterior whether there is a KL.

local losses = {}

local function beta_of(model) return model.config.beta or 1 end
local function samples_of(model) return model.config.samples or 1 end

--- The names of what is measured, in training and in the test: the log's columns.
function losses.measures(model)
  return model.posterior and {"loss", "reconstruction", "kl"} or {"loss"}
end

--- A function that puts measured values into words: "105.50 (reconstruction 80.10 + KL 25.40)".
function losses.text(model)
  local beta, samples = beta_of(model), samples_of(model)
  return function(values)
    if not model.posterior then return ("%.2f"):format(values.loss) end
    if samples > 1 then
      return ("%.2f (bound of %d samples; with one: reconstruction %.2f + KL %.2f)"):format(values.loss, samples,
        values.reconstruction, values.kl)
    end
    local weight = beta == 1 and "" or ("%g x "):format(beta)
    return ("%.2f (reconstruction %.2f + %sKL %.2f)"):format(values.loss, values.reconstruction, weight, values.kl)
  end
end

--- The headline of a report: see report.html.
function losses.headline(model, test)
  local headline = {name = "test loss", value = test.loss, unit = "nats per image"}
  if not model.posterior then
    headline.name = "test loss (reconstruction)"
    return headline
  end
  local beta = beta_of(model)
  local sum = samples_of(model) == 1
  headline.parts = {
    {"reconstruction", test.reconstruction, sign = sum and "=" or ""},
    {"KL", test.kl, sign = beta == 1 and "+" or ("+ %g \u{D7}"):format(beta)},
  }
  if not sum then headline.name = ("test loss (bound of %d samples)"):format(samples_of(model)) end
  return headline
end

--- What the loss is, for a report.
function losses.explanation(model)
  if not model.posterior then
    return "The loss is the reconstruction's: how unlike the decoded images are, in nats per image. Smaller is better."
  end
  local parts = "Reconstruction says how unlike the decoded images are, the KL how much the latent vectors say about "
    .. "each image."
  if samples_of(model) > 1 then
    return ("The loss is the importance weighted bound of %d samples on the negative log-likelihood (Burda et al. "
      .. "2016), in nats per image: smaller is better. It is at most reconstruction + KL, the bound of one sample. ")
      :format(samples_of(model)) .. parts
  elseif beta_of(model) ~= 1 then
    return ("The loss is reconstruction + %g KL (a beta-VAE), in nats per image: smaller is better; losses of "
      .. "different beta cannot be compared. "):format(beta_of(model)) .. parts
  end
  return "The loss is the negative evidence lower bound (reconstruction + KL), in nats per image: smaller is better. "
    .. parts
end

return losses
