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

-- Runs Lua code in another process that may write files of at most `blocks` blocks of 512 or 1024 bytes, as on a full
-- disk; returns what it printed.
function folder:with_full_disk(blocks, code)
  local interpreter = 0
  while arg[interpreter - 1] do interpreter = interpreter - 1 end
  local script = self:write("code.lua", ("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath)
    .. 'local gl = require "genlat"\n' .. code)
  local f = assert(io.popen(("trap '' XFSZ; ulimit -f %d; '%s' '%s' 2>&1"):format(blocks, arg[interpreter], script)))
  local output = f:read("a")
  f:close()
  os.remove(script)
  return output
end

return folder
