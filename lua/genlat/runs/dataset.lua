--- dataset.lua: a run's data set: what the run notes of it, finding it again, and whether it is still the same.
--
-- The notes of a run, in its checkpoint and in its model:
--   dataset        {name =, path = the absolute one, or nil, train =, test = how many images, fingerprint = see
--                  data.fingerprint}
--   test_dataset   the same, where a classifier is tested on another data set
--   classes        the names of the classes, as the model numbers them
--   class_numbers  those that they have in files that hold numbers
--   data_changes   where the run went on with other data, a list: {epoch =, step =, train =, test = how many there
--                  were}
-- Options of a script that say how its data are read have the names that data.load gives them.

local core = require "genlat.core"
local data = require "genlat.data"
local text = require "genlat.text"

local dataset = {}

-- Of a script's options those of data.load.
local OPTIONS = {"size", "channels", "fit", "broken", "transpose", "without"}

--- The data set that a script's options name, or nil and a message. place: a further folder to look in, or nil.
function dataset.load(values, place)
  if values.fit and values.fit ~= "none" and not values.size then
    return nil, ("--fit %s: --size says what to fit to"):format(values.fit)
  end
  local options = {place = place}
  for _, name in ipairs(OPTIONS) do
    options[name] = values[name]
  end
  return data.load(values.data, options)
end

local function note_of(set)
  return {
    name = set.name, path = set.path, train = set.train.count, test = set.test.count,
    fingerprint = data.fingerprint(set),
  }
end

local function counts(note) return ("%d + %d images"):format(note.train, note.test) end

-- What has become of a data set, in words.
local function difference(noted, now)
  if counts(noted) ~= counts(now) then return ("it had %s, now %s"):format(counts(noted), counts(now)) end
  return ("it has %s as before, but not the same ones"):format(counts(now))
end

-- A message about a data set that could not be loaded: where it was and is no more.
local function lost(message, noted, what_to_do)
  if not noted or not noted.path or core.file_kind(noted.path) then return message end
  return text.message("the data set of this run was in %s, and is not there: %s", noted.path, what_to_do)
end

-- Training ------------------------------------------------------------------------------------------------------------

-- The data as named now or, without a name, as the run noted them.
local function find(run)
  local noted = run.notes.dataset
  local set, message = dataset.load(run.values, noted and noted.path)
  if set or run.given.data ~= nil then return set, message end
  return nil, lost(message, noted, "say where it is now with --data")
end

-- Notes that the run goes on with other data, if it may.
local function accept_change(run, set, noted, now)
  local message = text.message("the data set %s is not the one that %s was trained on: %s", set.source, run.folder
    or "the run", difference(noted, now))
  if not run.values.changed_data then
    return nil, message .. " (--changed-data goes on all the same, but not as an unbroken run would)"
  end
  local place = run.saved.state
  run.notes.data_changes = run.notes.data_changes or {}
  table.insert(run.notes.data_changes, {epoch = place.epoch, step = place.step, train = noted.train, test = noted.test})
  run:say("%s: from here on this is not the run that it would have been unbroken", message)
  return true
end

--- Notes a data set of a run, as run.notes[key], and sees whether it is the one that was noted before: true; nil and a
-- message where it is not and may not be.
function dataset.compare(run, set, key)
  local noted, now = run.notes[key], note_of(set)
  if noted and noted.fingerprint ~= now.fingerprint then
    local ok, message = accept_change(run, set, noted, now)
    if not ok then return nil, message end
  elseif run.saved and not noted then
    run:say("the run did not note its data set: the one found now is taken for the same (%s)", counts(now))
  end
  run.notes[key] = now
  return true
end

--- The data set of a run that was opened, with its labels as the run numbers them, noted in run.notes: what was trained
-- on before, or else nil and a message. What there is to say of it is said. settings: labeled: without labels it is
-- refused, because `needs` ("a conditional model is told one").
function dataset.open(run, settings)
  settings = settings or {}
  local notes = run.notes
  local set, message = find(run)
  if not set then return nil, message end
  if settings.needs and not set.train.labels then
    return nil, text.message("%s has no labels: %s", set.name, settings.needs)
  end
  local line
  if notes.classes then
    set, line = data.matched(set, {
      names = notes.classes, numbers = notes.class_numbers, count = settings.needs and #notes.classes,
    })
    if not set then return nil, line end
  end
  local ok, problem = dataset.compare(run, set, "dataset")
  if not ok then return nil, problem end
  notes.classes, notes.class_numbers = set.classes, set.numbers or notes.class_numbers
  run.values.data = set.source
  for _, note in ipairs(set.notes) do
    run:say("%s", note)
  end
  if line then run:say("%s", line) end
  return set
end

--- Facts for a run's report where it went on with other data: {{name, text}, ...}.
function dataset.facts(run)
  local facts = {}
  for i, change in ipairs(run.notes.data_changes or {}) do
    facts[i] = {"data changed", ("in epoch %d at step %d (%s before): not the run that it would have been unbroken")
      :format(change.epoch, change.step, counts(change))}
  end
  return facts
end

-- Trained models ------------------------------------------------------------------------------------------------------

-- What data.matched has to know of a model.
local function classes_of(notes, model)
  return {names = notes.classes, numbers = notes.class_numbers, count = model.config.classes}
end

local function matched(set, notes, model)
  local fits, line = data.matched(set, classes_of(notes, model))
  if not fits then return nil, line end
  if line then fits.notes[#fits.notes + 1] = line end
  return fits
end

--- A data set of the user's for a model: with its labels as the model numbers them, where that names its classes; nil
-- and a message where it knows one of them not.
function dataset.fit(set, notes, model)
  if not notes.classes or not set.train then return set end
  return matched(set, notes, model)
end

--- The data set that a model was trained on, by the notes of its run, with its labels as the model numbers them; nil
-- and a message where it is not there, or is another one now.
function dataset.of_model(notes, model)
  local noted = notes.dataset
  local set, message = dataset.load(notes.options, noted and noted.path)
  if not set then return nil, lost(message, noted, "name another with --data, or in Lua set space.data") end
  set, message = matched(set, notes, model)
  if not set then return nil, message end
  local now = noted and note_of(set)
  if now and now.fingerprint ~= noted.fingerprint then
    return nil, text.message("the data set %s is not the one that the model was trained on: %s (--data, or in Lua "
      .. "space.data = gl.data.load(...), takes it all the same)", notes.options.data, difference(noted, now))
  end
  return set
end

--- The names of the classes of a model that does not name them: those of its data set, by number; and a line that says
-- so. nil and a message where the set is not there.
function dataset.class_names(notes)
  local set, message = dataset.load(notes.options)
  if not set then return nil, message end
  return set.classes, text.message("the model does not name its classes: those of %s (%s) are matched by number",
    set.name, text.list(set.classes))
end

--- Another data set for a trained model: in the form of its images, with its labels as the model numbers them, and
-- without the class that the run was trained without, unless whole; nil and a message where it does not fit.
function dataset.other(name, notes, model, whole)
  local h, w, c = table.unpack(model.config.image)
  local options = notes.options or {}
  local set, message = data.load(name, {
    without = not whole and options.without or nil,
    usual = {size = {h, w}, channels = c, fit = options.fit, broken = options.broken, transpose = options.transpose},
  })
  if not set then return nil, message end
  local has, wants = table.concat(set.shape, " x "), table.concat(model.config.image, " x ")
  if has ~= wants then
    return nil, text.message("%s has images of %s, the model of %s", set.name, has, wants)
  end
  return matched(set, notes, model)
end

return dataset
