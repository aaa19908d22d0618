--- options.lua: the command lines of the training scripts.
--
--   local options = train.options.new("train_vae", "Trains ...", {epochs = 20, latent = 20, ...})
--   options:add("--beta", {default = 1, convert = options.number(0), help = "weight of the KL"})
--   local given = options:parse(arg)
--
-- A default is filled in after parsing, so that --resume can tell what was asked for from what was not.

local argparse = require "argparse"

local Options = {WIDTH = 120} -- of --help's lines
Options.__index = Options

--- A converter to numbers from `least` on (above it, if `above`).
function Options.number(least, above)
  return function(text)
    local value = tonumber(text)
    if not value or value ~= value or (least and (value < least or (above and value == least))) then
      return nil, ("'%s' is not a number%s"):format(text, least and (above and " above " or " from ") .. least or "")
    end
    return value
  end
end

--- A converter to whole numbers from `least` on.
function Options.whole(least)
  return function(text)
    local value = math.tointeger(tonumber(text))
    if not value or value < least then return nil, ("'%s' is not a whole number from %d"):format(text, least) end
    return value
  end
end

--- A converter to lists of whole numbers: "512,256".
function Options.sizes(text)
  local list = {}
  for word in (text .. ","):gmatch("([^,]*),") do
    local value = math.tointeger(tonumber(word))
    if not value or value < 1 then return nil, ("'%s' is not a list of sizes such as 512,256"):format(text) end
    list[#list + 1] = value
  end
  return list
end

--- A converter to one of some words.
function Options.word(words)
  return function(text)
    for _, word in ipairs(words) do
      if word == text then return text end
    end
    return nil, ("'%s' is not one of %s"):format(text, table.concat(words, ", "))
  end
end

local function default_text(value)
  if type(value) == "table" then return #value > 0 and table.concat(value, ",") or "none" end
  return tostring(value)
end

--- Adds an option: {default =, convert =, choices = {words}, help =, metavar =, flag = true, args =}.
function Options:add(name, settings)
  local key = name:gsub("^%-+", ""):gsub("%-", "_") -- as argparse does
  self.order[#self.order + 1] = key
  self.defaults[key] = settings.default
  local help = settings.help
  if settings.default ~= nil then help = ("%s (%s)"):format(help, default_text(settings.default)) end
  if settings.flag then
    self.parser:flag(name, help)
    return
  end
  local option = self.parser:option(name, help):argname(settings.metavar or "N")
  local convert = settings.convert or settings.choices and Options.word(settings.choices)
  if convert then
    option:convert(function(text)
      local value, message = convert(text)
      if value == nil then return nil, name .. ": " .. message end
      return value
    end)
  end
  if settings.args then option:args(settings.args) end
end

--- The options that every training script has. defaults: run, epochs, batch, latent, hidden, lr; those left out are not
-- options of the script.
function Options.new(program, description, defaults)
  local self = setmetatable({program = program, order = {}, defaults = {}}, Options)
  self.parser = argparse(program, description):help_max_width(Options.WIDTH)
  self.parser:epilog "A run leaves its pictures, its log, the model and report.html in its folder."
  self.run = defaults.run
  self:add("--data", {default = "digits", metavar = "DATA",
    help = "digits or faces (built in), mnist, fashion-mnist, cifar10, or a folder of IDX or PNG files"})
  self:add("--size", {convert = Options.whole(8), metavar = "SIDE",
    help = "bring a folder's images to SIDE x SIDE; pad others"})
  self:add("--without", {metavar = "CLASS", help = "leave the training images of this class out, to find them later as "
    .. "anomalies"})
  self:add("--epochs", {default = defaults.epochs, convert = Options.whole(1),
    help = "passes over the training images"})
  self:add("--batch", {default = defaults.batch or 128, convert = Options.whole(1), help = "images per step"})
  if defaults.latent then
    self:add("--latent", {default = defaults.latent, convert = Options.whole(1), help = "latent dimensions"})
  end
  if defaults.hidden then
    self:add("--hidden", {default = defaults.hidden, convert = Options.sizes, metavar = "SIZES",
      help = defaults.hidden_help or "hidden layers of the encoder, such as 512,256; the decoder mirrors them"})
  end
  self:add("--lr", {default = defaults.lr or 1e-3, convert = Options.number(0, true), metavar = "RATE",
    help = "Adam's learning rate"})
  self:add("--seed", {default = 1, convert = Options.whole(0), help = "of all random numbers"})
  self:add("--threads", {convert = Options.whole(1), help = "processor threads (all cores)"})
  self:add("--out", {metavar = "FOLDER", help = ("the run's folder (runs/%s, or the next free runs/%s-2, ...)")
    :format(self.run, self.run)})
  self:add("--resume", {metavar = "FOLDER", args = "?",
    help = "go on with the run in FOLDER (or --out, or the newest of this script)"})
  self:add("--quiet", {flag = true, help = "print the last line only"})
  return self
end

--- The options of models with an encoder: convolutions, likelihood.
function Options:add_network()
  self:add("--maps", {default = {}, convert = Options.sizes, metavar = "SIZES",
    help = "convolutions (4 x 4, stride 2) before the hidden layers, such as 32,64; none: a dense network"})
  self:add("--likelihood", {default = "bernoulli", choices = {"bernoulli", "gaussian"},
    metavar = "KIND", help = "of pixels: bernoulli or gaussian"})
end

--- Ends a script because of a mistake on its command line, which argparse may have told in two lines.
function Options.fail(program, message)
  error(("%s: %s (--help explains)"):format(program, message:gsub("\n", ". ")), 0)
end

--- Reads the command line. Returns {values = what to use, given = what was asked for}. Mistakes end the program with
-- one line and status 1; --help prints the help.
function Options:parse(arguments)
  local ok, given = self.parser:pparse(arguments)
  if not ok then Options.fail(self.program, given) end
  local values = {}
  for _, key in ipairs(self.order) do
    values[key] = given[key]
    if values[key] == nil then values[key] = self.defaults[key] end
  end
  return {values = values, given = given, order = self.order, run = self.run}
end

return Options
