-- compass.lua: finds the direction of latent space that you have in mind by asking which image has more of it. `--help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local check = require "genlat.check"
local explore = require "genlat.explore"
local json = require "genlat.json"
local text = require "genlat.text"
local terminal = require "genlat.terminal"
local Directions = require "genlat.latent.directions"
local compass, images, train = gl.latent.compass, gl.plot.images, gl.train
local whole = train.options.whole

local EXPLANATION = [[
Think of something that images may have more or less of: a smile, slant, age. Shown two images (or four, by --set 4),
type the number of the one that has more of it. The answers are kept after each one, in compass.json in the run's
folder; the same name goes on with them. At the end (q, end of input, or Ctrl-C) the direction is saved for all tools,
and compass_NAME.svg shows it on new samples. "sure" is the cosine that is to be expected between it and what you have
in mind: it stays low where answers contradict each other. Answers may also come from a file or a pipe, one a line.]]

local KEYS = "= you cannot tell, u takes the last answer back, s shows the direction so far, q is done."
local SHOW_EVERY = 10 -- answers
local COLUMNS, SHOWN, SHEET_ROWS = 7, 3, 6 -- of strips; their rows in the terminal and in the picture
local POOL = 2000 -- test images that --encoded takes

local function define(command)
  command.parser:epilog(EXPLANATION)
  command:add("--name", {metavar = "NAME", help = "of what you have in mind (it asks)"})
  command:add("--set", {default = 2, convert = whole(2),
    help = "images to choose from, 2 to 9; 4 say about twice as much an answer"})
  command:add("--class", {metavar = "CLASS", help = "that a conditional model draws (each in turn)"})
  command:add("--encoded", {flag = true, help = "show test images as the model gives them back, not samples"})
  command:add("--pictures", {metavar = "FOLDER", convert = train.options.path,
    help = "write each set as a PNG file as well"})
  command:add("--list", {flag = true, help = "list what was found"})
  command:add("--apply", {metavar = "NAME", help = "show a saved direction on new samples (another --seed: others)"})
  command:add("--remove", {metavar = "NAME", help = "forget a direction and its answers"})
end

-- Answers that are kept -----------------------------------------------------------------------------------------------

local function kept_path(space)
  if not space.folder then error("compass: give the run's folder: what is found is kept there", 0) end
  return space.folder .. "/compass.json"
end

-- Name -> state of a session.
local function read_kept(space)
  local path = kept_path(space)
  if gl.core.file_kind(path) ~= "file" then return {} end
  local file, problem = io.open(path, "rb")
  if not file then error("compass: " .. problem, 0) end
  local kept = json.decode(file:read "a" or "")
  file:close()
  if not check.test(kept, check.map(check.any)) then
    error(text.message("compass: %s: these are no answers", path), 0)
  end
  return kept
end

local function write_kept(space, kept)
  train.check(gl.core.write_file(kept_path(space), next(kept) and json.encode(kept) or "{}"))
end

local function keep(space, name, session)
  local kept = read_kept(space)
  kept[name] = session and session:state()
  write_kept(space, kept)
end

-- Pictures ------------------------------------------------------------------------------------------------------------

-- `rows` samples, each walked along a direction, as a list of rows of COLUMNS images; and the amounts, as texts.
local function strips(space, name, vector, rows, options)
  gl.seed(options.seed)
  local z, least, most = space:prior(rows), -3, 3
  if space.directions:get(name) then least, most = space.directions:range(name) end
  local amounts = gl.core.linspace(least, most, COLUMNS)
  local list, texts = {}, {}
  for i = 1, rows do
    local class = space.conditional and (options.label or (i - 1) % space.conditional + 1)
    list[i] = space:decode(z[i] + amounts:unsqueeze(2) * vector, class or nil)
  end
  for i, amount in ipairs(amounts:totable()) do
    texts[i] = math.abs(amount) < 1e-6 and "0" or ("%+.3g"):format(amount)
  end
  return list, texts
end

local function print_strips(space, name, vector, options)
  local list, amounts = strips(space, name, vector, SHOWN, options)
  for i, strip in ipairs(list) do
    io.write(terminal.text(strip, {columns = COLUMNS, labels = i == #list and amounts or nil}), "\n")
  end
end

local function save_sheet(space, name, options)
  local found = train.check(space.directions:get(name))
  local _, _, unit = space.directions:range(name)
  local list, amounts = strips(space, name, found.vector, SHEET_ROWS, options)
  local rows = {}
  for i, strip in ipairs(list) do
    rows[i] = {images = strip}
  end
  local answers = found.notes.answers and (", from %s"):format(text.count(found.notes.answers, "answer")) or ""
  explore.save_text(options, ("compass_%s.svg"):format(text.file_name(name)), gl.plot.sheet.svg {
    title = "The direction " .. name, rows = rows, columns = amounts,
    subtitle = ("%s%s; samples moved by so many %s"):format(space.folder, answers, unit),
  })
end

-- Asking --------------------------------------------------------------------------------------------------------------

-- What a line says: {order}, "same", "undo", "show", "done"; or nil.
local function understand(line, size)
  local word = line:lower():gsub("[%s,>]", "")
  local words = {["="] = "same", u = "undo", undo = "undo", s = "show", show = "show", q = "done", quit = "done"}
  if words[word] then return words[word] end
  local order, seen = {}, {}
  for digit in word:gmatch "." do
    local k = math.tointeger(tonumber(digit))
    if not k or k < 1 or k > size or seen[k] then return nil end
    order[#order + 1], seen[k] = k, true
  end
  return #order > 0 and order or nil
end

local function ask(question)
  io.write(text.shown(question))
  io.flush()
  local line = io.read "l"
  if not line or not gl.core.isatty(0) then print(line or "") end -- as a terminal shows what is typed
  return line
end

-- What may be typed.
local function print_keys(size)
  print(("Type the number of the one that has %s\n%s"):format(size == 2 and "more;" or "most, or several numbers, from "
    .. "most to least (such as 21);", KEYS))
end

local function question(session, name, size)
  return ("%s, %.0f %% sure. Which has more %s? [1%s%d/=/u/s/q] "):format(text.count(session:count(), "answer"),
    100 * session:confidence(), name, size == 2 and "/" or "-", size)
end

-- Shows the next set; false where there is none.
local function show_set(space, session, options)
  local z, labels = session:propose(options.set)
  if not z then
    print(labels)
    return false
  end
  local x, numbers = space:decode(z, labels), {}
  for i = 1, #x do
    numbers[i] = tostring(i)
  end
  io.write("\n", terminal.text(x, {columns = #x, labels = numbers}), "\n")
  if options.pictures then
    local path = ("%s/%04d.png"):format(options.pictures, session:count() + 1)
    local scale = math.max(1, math.floor(128 / x:size(2)))
    train.check(gl.write_png(path, images.grid(x, {columns = #x, gap = 4, scale = scale})))
    print(path)
  end
  return true
end

local function show_direction(space, session, name, options)
  local direction = session:fit()
  if not direction then return print "the answers say nothing yet" end
  print(("\n%s so far, from less to more:"):format(name))
  print_strips(space, name, direction, options)
end

-- Questions and answers, until the person is done.
local function converse(space, session, name, options)
  print_keys(options.set)
  local shown = show_set(space, session, options)
  while shown do
    local line = ask(question(session, name, options.set))
    local said = line and understand(line, options.set)
    if not line or said == "done" then return end
    if not said then
      print(("'%s' is no answer"):format(line))
    elseif said == "show" then
      show_direction(space, session, name, options)
    else
      if said == "undo" then
        if not session:undo() then print "there is no answer to undo" end
      else
        session:answer(said)
      end
      keep(space, name, session)
      if said ~= "undo" and session:count() % SHOW_EVERY == 0 then show_direction(space, session, name, options) end
      shown = show_set(space, session, options)
    end
  end
end

local CTRL_C = 2 -- the number of its signal

-- Runs the conversation; true where Ctrl-C ended it.
local function interrupted(...)
  local ok, problem = pcall(converse, ...)
  if ok then return false end
  if type(problem) ~= "table" or problem.interrupted ~= CTRL_C then error(problem, 0) end
  gl.core.raise_on_signal(true) -- dealt with: what follows keeps what was found
  print()
  return true
end

-- The name, checked before the first question is asked.
local function choose_name(space, options)
  local name = options.name or ask "What do you have in mind? A name for it, such as smile: "
  if not name or name == "" then error("compass: no name was given", 0) end
  local ok, problem = pcall(Directions.set, Directions.new(nil, space.latent), name, gl.ones(space.latent))
  if not ok then error("compass: " .. problem:match "set: (.*)$", 0) end
  local there = space.directions:get(name)
  if there and (there.notes.method ~= "compass" or not read_kept(space)[name]) then
    error(("compass: there is a direction '%s' already, found by %s: choose another name, or --remove it"):format(name,
      there.notes.method or "other means"), 0)
  end
  return name
end

local function encoded_pool(space, options)
  if not options.encoded then return nil end
  if not space:has_encoder() then
    explore.fail(options, "--encoded", "a %s has no encoder", space.model:name())
  end
  return (space:encode_split(space.data.test, POOL))
end

local function open_session(space, name, options)
  local settings = {seed = options.seed, labels = options.label, pool = encoded_pool(space, options)}
  local state = read_kept(space)[name]
  if not state then return compass.new(space, settings) end
  local session, message = compass.restore(space, state, settings)
  if not session then error(("compass: %s: %s: %s"):format(kept_path(space), name, message), 0) end
  print(("goes on with %s after %s"):format(name, text.count(session:count(), "answer")))
  return session
end

-- Under which name the direction is kept, how sure it is, and what can be done with it.
local function print_saved(space, name, session)
  local sure, quoted = session:confidence(), name:find "[^%w_]" and ("'%s'"):format(name) or name
  print(("saved as %s, %.0f %% sure%s"):format(quoted, 100 * sure, sure < 0.5
    and ": less than half, so more answers are worth while (the same --name goes on)" or ""))
  print(("use it: genlat manifold %s --directions %s,OTHER   genlat compass %s --apply %s"):format(space.folder, quoted,
    space.folder, quoted))
end

local function find(space, options)
  local name = choose_name(space, options)
  local session = open_session(space, name, options)
  local stopped = interrupted(space, session, name, options)
  local direction = session:fit()
  if not direction then return print "no direction: the answers say nothing" end
  space.directions:set(name, direction, {
    method = "compass", unit = "standard deviations", answers = session:count(), sure = session:confidence(),
  })
  print(train.check(space.directions:save()))
  if not stopped then print_strips(space, name, direction, options) end
  save_sheet(space, name, options)
  print_saved(space, name, session)
end

-- What was found ------------------------------------------------------------------------------------------------------

local function list_found(space)
  local kept, seen = read_kept(space), {}
  for _, name in ipairs(space.directions:names()) do
    local notes = space.directions:get(name).notes
    seen[name] = true
    print(("%s: %s%s"):format(name, notes.method or "?", notes.answers and (", %s, %.0f %% sure"):format(
      text.count(notes.answers, "answer"), 100 * (notes.sure or 0)) or ""))
  end
  local others = {}
  for name in pairs(kept) do
    if not seen[name] then others[#others + 1] = name end
  end
  table.sort(others)
  for _, name in ipairs(others) do
    print(("%s: answers only"):format(name))
  end
  if not next(seen) and #others == 0 then print "nothing was found yet" end
end

local function apply(space, options)
  local found, message = space.directions:get(options.apply)
  if not found then explore.fail(options, "--apply", "%s", message) end
  print_strips(space, options.apply, found.vector, options)
  save_sheet(space, options.apply, options)
end

local function remove(space, options)
  local name = options.remove
  local there, message = space.directions:get(name)
  if not there and not read_kept(space)[name] then explore.fail(options, "--remove", "%s", message) end
  keep(space, name, nil)
  space.directions:remove(name)
  print(train.check(space.directions:save()))
end

explore.main("compass", "Finds the direction of latent space that you have in mind, by asking.", define,
  function(space, options)
    kept_path(space)
    if options.set > 9 then explore.fail(options, "--set", "2 to 9 images, not %d", options.set) end
    options.label = explore.label(space, options)
    if options.pictures then train.check(gl.core.mkdirs(options.pictures)) end
    if options.list then return list_found(space) end
    if options.apply then return apply(space, options) end
    if options.remove then return remove(space, options) end
    find(space, options)
  end)
