-- folder.lua: a folder of its own for the files of a spec.

local gl = require "genlat"

local folder = {}
folder.__index = folder

function folder.new()
  local name = os.tmpname()
  os.remove(name)
  assert(gl.core.mkdirs(name))
  return setmetatable({ name = name }, folder)
end

function folder:path(file) return self.name .. "/" .. file end

function folder:write(file, bytes)
  local f = assert(io.open(self:path(file), "wb"))
  assert(f:write(bytes))
  assert(f:close())
  return self:path(file)
end

function folder:read(file)
  local f = assert(io.open(self:path(file), "rb"))
  local bytes = f:read("a")
  f:close()
  return bytes
end

-- The names of all files, as one string.
function folder:list()
  local f = assert(io.popen(("ls -A '%s'"):format(self.name)))
  local names = {}
  for name in f:lines() do names[#names + 1] = name end
  f:close()
  return table.concat(names, " ")
end

function folder:remove() os.execute(("rm -rf '%s'"):format(self.name)) end

-- Runs Lua code in another process, after a shell command such as "umask 077;"; returns what it printed, also errors.
function folder:run(before, code)
  local interpreter = 0
  while arg[interpreter - 1] do interpreter = interpreter - 1 end
  local script = self:write("code.lua", ("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath)
    .. 'local gl = require "genlat"\n' .. code)
  local f = assert(io.popen(("{ cd '%s'; %s cd '%s'; exec '%s' '%s'; } 2>&1"):format(self.name, before,
    os.getenv "PWD", arg[interpreter], script)))
  local output = f:read("a")
  f:close()
  os.remove(script)
  return output
end

-- The same, where files may have at most `blocks` blocks of 512 or 1024 bytes, as on a full disk.
function folder:with_full_disk(blocks, code) return self:run(("trap '' XFSZ; ulimit -f %d;"):format(blocks), code) end

return folder
