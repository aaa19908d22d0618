--- options.lua: the command lines of the training scripts.
--
--   local options = train.options.new("train_vae", "Trains ...", {epochs = 20, latent = 20, ...})
--   options:add("--beta", {default = 1, convert = options.number(0), help = "weight of the KL"})
--   local given = options:parse(arg)
--
-- A default is filled in after parsing, so that --resume can tell what was asked for from what was not. Numbers, lists
-- and words follow check.lua's rules; no option takes an empty word; of an option given twice the last one counts.

local argparse = require "argparse"
local check = require "genlat.check"
local networks = require "genlat.models.networks"
local text = require "genlat.text"

local Options = {WIDTH = 120} -- of --help's lines
Options.__index = Options

-- Converters: functions of a word that return its value, or nil and what is wrong with it.

local function by_rule(rule)
  return function(word) return check.parse(word, rule) end
end

--- A converter to numbers from `least` on (above it, if `above`) to `most`; any limit may be left out.
function Options.number(least, above, most)
  return by_rule(check.number {least = not above and least or nil, above = above and least or nil, most = most})
end

--- A converter to whole numbers from `least` to `most` (any, if it is left out).
function Options.whole(least, most) return by_rule(check.whole(least, most)) end

local channels = check.that(check.whole(1, 3), "1 or 3", function(n) return n ~= 2 end)

local layers = check.list(check.whole(1), {least = 1, most = networks.MOST_LAYERS})

--- A converter to lists of whole numbers: "512,256".
function Options.sizes(word)
  local list = check.parse(word, layers)
  if not list then return nil, text.message("'%s' is not a list of sizes such as 512,256", word) end
  return list
end

--- A converter to one of some words.
function Options.word(words) return by_rule(check.word(words)) end

--- A converter to the path of a file or a folder. ~ is the home folder, which shells say only where a word begins with
-- it: not in --out=~/runs.
function Options.path(word)
  if word == "" then return nil, "'' is not a path" end
  if word:byte() ~= ("~"):byte() then return word end
  local home, rest = os.getenv "HOME", word:sub(2)
  if rest ~= "" and rest:byte() ~= ("/"):byte() then
    return nil, text.message("~ alone is known as a home folder, not '%s' (./%s is a folder of that name)", word, word)
  elseif not home or home == "" then
    return nil, text.message("'%s': HOME is not set", word)
  end
  return home .. rest
end

local function some_word(word)
  if word == "" then return nil, "'' is not a word" end
  return word
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
  self.rules[key] = settings
  if settings.flag then
    self.parser:flag(name, help)
    return
  end
  self.takes_value[name] = true
  local option = self.parser:option(name, help):argname(settings.metavar or "N")
  local convert = settings.convert or settings.choices and Options.word(settings.choices) or some_word
  settings.read = convert
  option:convert(function(given)
    local value, message = convert(given)
    if value == nil then return nil, name .. ": " .. message end
    return value
  end)
  if settings.args then option:args(settings.args) end
end

--- A command line without options: a parser that --help explains.
function Options.empty(program, description)
  local self = setmetatable({program = program, order = {}, defaults = {}, takes_value = {}, rules = {}}, Options)
  self.parser = argparse(program, description):help_max_width(Options.WIDTH)
  return self
end

--- The options that are the same for every script: the seed, the threads.
function Options:add_common(what)
  self:add("--seed", {default = 1, convert = by_rule(check.seed), help = what})
  self:add("--threads", {convert = Options.whole(1, 1024), help = "processor threads (all cores)"})
end

--- The options that every training script has. defaults: run, epochs, batch, latent, hidden, lr; those left out are not
-- options of the script.
function Options.new(program, description, defaults)
  local self = Options.empty(program, description)
  self.parser:epilog "A run leaves its pictures, its log, the model and report.html in its folder."
  self.run = defaults.run
  self:add("--data", {default = "digits", metavar = "DATA", convert = Options.path,
    help = "digits or faces (built in), mnist, fashion-mnist, cifar10, or a folder of IDX or PNG files"})
  self:add("--size", {convert = Options.whole(8), metavar = "SIDE",
    help = "bring a folder's images to SIDE x SIDE; pad others"})
  self:add("--channels", {convert = by_rule(channels), help = "bring a folder's images to grey (1) or RGB (3)"})
  self:add("--fit", {choices = {"crop", "stretch", "none"}, metavar = "HOW",
    help = "how --size does it: crop (the usual), stretch, or none (they have to have it)"})
  self:add("--broken", {choices = {"fail", "skip"}, metavar = "WHAT",
    help = "broken image files, folders that cannot be read: fail (the usual) or skip"})
  self:add("--transpose", {flag = true, help = "exchange rows and columns of IDX images, as EMNIST's need"})
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
  self:add_common "of all random numbers"
  self:add("--out", {metavar = "FOLDER", convert = Options.path,
    help = ("the run's folder (runs/%s, or the next free runs/%s-2, ...); a run that is there is kept in FOLDER/old")
      :format(self.run, self.run)})
  self:add("--resume", {metavar = "FOLDER", args = "?", convert = Options.path,
    help = "go on with the run in FOLDER (or --out, or this script's of the highest number); --epochs, --lr and --data "
      .. "may change; with another --out, go on there"})
  self:add("--changed-data", {flag = true,
    help = "go on with --resume although the data set is another one than before"})
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

--- Ends a script because of a mistake on its command line, which argparse may have reported in two lines.
function Options.fail(program, message)
  error(("%s: %s (--help explains)"):format(program, text.shown((message:gsub("\n", ". ")))), 0)
end

-- The words of a command line, with a negative number joined to the option before it (--seed -1 as --seed=-1): argparse
-- takes it for an option.
function Options:joined(arguments)
  local list = {}
  for _, given in ipairs(arguments) do
    if self.takes_value[list[#list]] and given:find "^%-%.?%d" then
      list[#list] = list[#list] .. "=" .. given
    else
      list[#list + 1] = given
    end
  end
  return list
end

--- Reads the command line: returns what was asked for, and that with the defaults filled in. Mistakes end the program
-- with one line and status 1; --help prints the help.
function Options:read(arguments)
  local ok, given = self.parser:pparse(self:joined(arguments))
  if not ok then Options.fail(self.program, given) end
  local values = {}
  for key, value in pairs(self.defaults) do
    values[key] = value
  end
  for key, value in pairs(given) do
    values[key] = value
  end
  return given, values
end

local WORD = check.either(check.text, check.number())

-- Is this what an option may be? A value from a file, which must be what its word on a command line would have
-- given; or false and what is wrong.
local function fits(self, key, value)
  local settings = self.rules[key]
  if value == nil or value == settings.default then return true end
  if settings.flag then
    return check.test(value, check.flag)
  end
  if type(value) == "table" and #value == 0 and type(settings.default) == "table" then return true end -- none
  local list = type(value) == "table" and value or {value}
  local words = {}
  for i, item in ipairs(list) do
    local ok, problem = check.test(item, WORD)
    if not ok then return false, problem end
    words[i] = math.type(item) == "float" and ("%.17g"):format(item) or tostring(item)
  end
  local read, problem = settings.read(table.concat(words, ","))
  return read ~= nil, problem
end

--- Reads a training script's command line: {values = what to use, given = what was asked for, fits(key, value) says
-- whether a value from a file is one that the option may have}.
function Options:parse(arguments)
  local given, values = self:read(arguments)
  return {
    values = values, given = given, order = self.order, run = self.run,
    fits = function(key, value) return fits(self, key, value) end,
  }
end

return Options
