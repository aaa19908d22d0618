-- shell.lua: runs the project's scripts as a user does, in processes of their own.

local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"

local shell = {}

local interpreter = 0
while arg[interpreter - 1] do
  interpreter = interpreter - 1
end

--- The Lua that runs the specs, and where it finds this build; for a command line.
function shell.lua(script, arguments)
  return ("LUA_PATH='%s' LUA_CPATH='%s' '%s' %s %s"):format(package.path, package.cpath, arg[interpreter], script,
    arguments or "")
end

--- Runs a command; returns what it printed on standard output, on standard error, and its exit status.
function shell.run(command)
  local errors = os.tmpname()
  local pipe = assert(io.popen(("{ %s; } 2>'%s'; echo $?"):format(command, errors)))
  local output, status = pipe:read("a"):match("^(.*)(%d+)\n$")
  pipe:close()
  local file = assert(io.open(errors))
  local said = file:read("a")
  file:close()
  os.remove(errors)
  -- the status may have more than one digit
  local head, digit = output:match("^(.-)(%d*)$")
  if output:sub(-1) ~= "\n" and digit ~= "" then output, status = head, digit .. status end
  return output, said, tonumber(status)
end

--- Runs a script; returns as shell.run.
function shell.script(name, arguments) return shell.run(shell.lua("scripts/" .. name, arguments)) end

--- Runs the text of a Lua program; returns as shell.run.
function shell.program(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  local output, said, status = shell.run(shell.lua(name))
  os.remove(name)
  return output, said, status
end

--- The files that the report in a folder names and that are not there.
function shell.missing_files(folder)
  local missing = {}
  for name in folder:read("report.html"):gmatch 'href="([%w_%.]+)"' do
    if gl.core.file_kind(folder:path(name)) ~= "file" then missing[#missing + 1] = name end
  end
  return missing
end

--- The last line of a text.
function shell.last_line(text) return text:match("([^\n]*)\n?$") end

--- A folder with a small data set in MNIST's form: digits, `train` and `test` images.
function shell.small_data(train, test)
  local folder = Folder.new()
  local first = 1
  for _, part in ipairs {{"train", train}, {"t10k", test}} do
    local images, labels = gl.core.digits(part[2], 5, first)
    first = first + part[2]
    assert(gl.write_idx(folder:path(part[1] .. "-images-idx3-ubyte.gz"), images:squeeze(4)))
    assert(gl.write_idx(folder:path(part[1] .. "-labels-idx1-ubyte"), (labels:float() - 1):byte()))
  end
  return folder
end

return shell
