-- races.lua: two trainings that are started at once.

local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local races = {}

local HERE = io.popen("pwd"):read()

-- Runs a script's command line twice at the same time in a working folder of its own. Returns what each said, and its
-- status: {{errors =, status =}, {...}}.
local function twice(place, script, arguments)
  local command = shell.lua(HERE .. "/scripts/" .. script, arguments):gsub("%./build", HERE .. "/build")
    :gsub("%./lua", HERE .. "/lua")
  shell.run(("cd '%s' && for i in 1 2; do (%s >out$i 2>err$i; echo $? >status$i) & done; wait"):format(place.name,
    command))
  local ends = {}
  for i = 1, 2 do
    ends[i] = {errors = place:read("err" .. i), status = tonumber(place:read("status" .. i))}
  end
  return ends
end

-- Asserts that a folder holds a whole run of so many epochs, and returns its model's file.
local function whole(place, folder, epochs)
  local model, notes = gl.models.load(place:path(folder))
  assert(model, notes)
  assert(notes.epochs == epochs, "another number of epochs")
  local lines = select(2, place:read(folder .. "/log.csv"):gsub("\n", ""))
  assert(lines == epochs + 1, "a log of " .. lines .. " lines")
  assert(place:read(folder .. "/report.html"):find "</html>", "half a report")
  return place:read(folder .. "/model.safetensors")
end

--- Trains twice at once, and asserts that both are whole, each in a folder of its own.
function races.numbered(script, name, arguments, epochs)
  local place = Folder.new()
  for i, one in ipairs(twice(place, script, arguments .. " --epochs " .. epochs)) do
    assert(one.status == 0 and one.errors == "", i .. ": " .. one.errors)
  end
  local first = whole(place, "runs/" .. name, epochs)
  assert(first == whole(place, ("runs/%s-2"):format(name), epochs), "equal seeds gave different models")
  place:remove()
end

--- Trains twice at once into the same folder by --out, then goes on there twice at once: one does, the other is refused
-- in one line (or finds the first one finished), and nothing is lost.
function races.named(script, arguments, epochs)
  local place = Folder.new()
  for _, words in ipairs {"--out run --epochs " .. epochs, "--resume run --epochs " .. epochs + 1} do
    local ends = twice(place, script, arguments .. " " .. words)
    table.sort(ends, function(a, b) return a.status < b.status end)
    assert(ends[1].status == 0, ends[1].errors)
    if ends[2].status ~= 0 then
      assert(ends[2].errors:match "^run: another training is under way there[^\n]*\n$", ends[2].errors)
    end
  end
  whole(place, "run", epochs + 1)
  place:remove()
end

return races
