--- explore.lua: what the latent-space scripts share: their command line, and writing what they made.
--
--   explore.main("manifold", "Draws ...", function(parser) parser:option ... end, function(space, options) ... end)
--
-- The tools themselves are in genlat.latent; a script asks, calls them, and draws.

local core = require "genlat.core"
local dataset = require "genlat.runs.dataset"
local latent = require "genlat.latent"
local scope = require "genlat.scope"
local train = require "genlat.train"
local Options = require "genlat.train.options"
local text = require "genlat.text"

local explore = {}

local MOST_SAMPLES = 10000 -- that can be asked for by number

--- A list of words or numbers separated by commas: a converter for an option. each: the converter of one (words).
function explore.list(each)
  return function(given)
    local list = {}
    for word in (given .. ","):gmatch " *([^,]-) *," do
      local value, message = word, nil
      if value == "" then return nil, text.message("'%s' has an empty place", given) end
      if each then value, message = each(word) end
      if value == nil then return nil, message end
      list[#list + 1] = value
    end
    return list
  end
end

-- The data set that --data names, in the form that the model was trained on.
local function other_data(space, program, name)
  local set, message = dataset.other(name, space.notes, space.model)
  if not set then error(("%s: --data: %s"):format(program, message), 0) end
  return set
end

--- A latent-space script: reads its command line, opens the run, sets seed and threads, and calls body(space, options)
-- without recording. `define(command)` adds the script's own options by command:add, as train.options does, and may set
-- command.parser's epilog. What every script has: the run, --data, --seed, --threads, --out. options.out is the folder
-- for pictures: the run's, or where define sets command.folder, a folder of this name in it. options.program is the
-- script's name.
function explore.main(program, description, define, body)
  train.main(function()
    local command = Options.empty(program, description)
    command.parser:argument("run", "the run's folder, such as runs/vae"):convert(Options.path)
    define(command)
    command:add("--data", {metavar = "DATA", convert = Options.path,
      help = "data set to take images from (the run's own)"})
    command:add_common "of all random choices"
    command:add("--out", {metavar = "FOLDER", convert = Options.path, help = command.folder
      and ("folder for what is written (%s in the run's)"):format(command.folder)
      or "folder for the pictures (the run's)"})
    local _, options = command:read(arg)
    if options.threads then core.threads(options.threads) end
    local space = train.check(latent.open(options.run))
    local notes = {} -- of data sets, to be printed once and last, where they are seen
    function space.on_data(set)
      for _, note in ipairs(set.notes) do
        if not notes[note] then notes[#notes + 1] = note end
        notes[note] = true
      end
    end
    if options.data then
      space.data = other_data(space, program, options.data)
      space.on_data(space.data)
    end
    core.seed(options.seed)
    options.program = program
    local own = core.file_kind(options.run) == "folder" and options.run or "."
    options.out = options.out or (command.folder and own .. "/" .. command.folder or own)
    train.check(core.mkdirs(options.out))
    scope.run({recording = false}, body, space, options)
    for _, note in ipairs(notes) do
      print(note)
    end
  end)
end

--- Ends the script because of what an option asks for, in one line: "program: --option: message".
function explore.fail(options, name, message, ...)
  error(("%s: %s: %s"):format(options.program, name, text.message(message, ...)), 0)
end

--- The label of the class that --class NAME asks a conditional model for; nil where it was left out.
function explore.label(space, options)
  local name = options.class
  if not name then return nil end
  if not space.conditional then
    explore.fail(options, "--class", "only conditional models (train_cvae, train_cgan) take --class; this is %s",
      text.a(space.model:name()))
  end
  for label, class in ipairs(space.classes) do
    if class == name then return label end
  end
  explore.fail(options, "--class", "%s", text.unknown("class", name, space.classes))
end

--- The latent vectors of test images by their numbers (a list that the option `name` asks for): N x latent. Of the
-- prior, where from_prior is set or the model has no encoder: number n is the n-th vector drawn from it, with the
-- script's seed. Second: the images' labels, N, or nil.
function explore.numbered(space, options, name, numbers, from_prior)
  from_prior = from_prior or not space:has_encoder()
  local what, count = "samples", MOST_SAMPLES
  if not from_prior then what, count = "test images", space.data.test.count end
  for _, n in ipairs(numbers) do
    if n > count then explore.fail(options, name, "there are %d %s, no number %d", count, what, n) end
  end
  local places = core.tensor(numbers)
  if from_prior then
    local z = scope.run({seed = options.seed}, space.prior, space, MOST_SAMPLES)
    return z:index_select(places) -- of all of them: so a number always stands for the same
  end
  local split = space.data.test
  local labels = split.labels and split.labels:index_select(places)
  return space:encode(core.batch(split.images, places, 1, #numbers), labels), labels
end

-- Writes a file into the script's folder and prints its path.
local function save(options, name, write)
  local path = options.out .. "/" .. name
  train.check(write(path))
  print(path)
  return path
end

--- Writes a picture (H x W x C) and prints its path.
function explore.save_png(options, name, picture)
  return save(options, name, function(path) return core.write_png(path, picture) end)
end

--- Writes an animation (N x H x W x C, or a list of pictures) and prints its path. settings: as core.write_gif's.
function explore.save_gif(options, name, frames, settings)
  return save(options, name, function(path) return core.write_gif(path, frames, settings) end)
end

--- Writes a text, such as an SVG, and prints its path.
function explore.save_text(options, name, content)
  return save(options, name, function(path) return core.write_file(path, content) end)
end

return explore
