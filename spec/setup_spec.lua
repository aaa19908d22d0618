-- setup_spec.lua: genlat.boot, the `genlat` command, bootstrap.lua and what the Makefile and setup.sh find out.

local lua = arg[-1] or "lua5.4"
for i = -1, -10, -1 do
  if not arg[i] then break end
  lua = arg[i]
end

-- Runs a shell command; returns what it wrote, its exit status, and what it wrote to stderr.
local function run(command)
  local errors = os.tmpname()
  local pipe = assert(io.popen(("( %s ) 2> %s </dev/null"):format(command, errors)))
  local output = pipe:read("a")
  local _, _, status = pipe:close()
  local file = assert(io.open(errors))
  local complaint = file:read("a")
  file:close()
  os.remove(errors)
  return output, status, complaint
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function folder()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir -p " .. path))
  return path
end

describe("genlat.boot", function()
  -- Opens boot.so in a Lua of its own, as it looks at the environment only once.
  local function boot(environment, chunk, path)
    local unset = "env -u OPENBLAS_CORETYPE -u OPENBLAS_NUM_THREADS -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT"
    return run(("%s %s %s -e 'package.cpath = \"%s/?.so\" %s'")
      :format(unset, environment, lua, path or "build", chunk))
  end

  it("lets OpenBLAS start no threads while it is loaded, and only then", function()
    local output = boot("", [[
      local boot = require "genlat.boot"
      print(os.getenv "OPENBLAS_NUM_THREADS", boot.set.OPENBLAS_NUM_THREADS)
      boot.restore()
      print(os.getenv "OPENBLAS_NUM_THREADS", os.getenv "OPENBLAS_CORETYPE")]])
    assert.equal("1\t1\nnil\tnil\n", output)
  end)

  it("leaves alone what the user has set", function()
    local output = boot("OPENBLAS_NUM_THREADS=3 OPENBLAS_CORETYPE=Haswell GOMP_SPINCOUNT=7", [[
      local boot = require "genlat.boot"
      boot.restore()
      local get = os.getenv
      print(next(boot.set), get "OPENBLAS_NUM_THREADS", get "OPENBLAS_CORETYPE", get "GOMP_SPINCOUNT")]])
    assert.equal("nil\t3\tHaswell\t7\n", output)
  end)

  it("gives OpenBLAS kernels with AVX-512 on AMD's processors that have it, and sets nothing on others", function()
    local output = boot("", [[local boot = require "genlat.boot" print(boot.vendor, boot.set.OPENBLAS_CORETYPE)]])
    local vendor, core = output:match("^(%S*)\t(%S+)\n$")
    local cpu = io.open("/proc/cpuinfo")
    if not cpu then return pending("/proc/cpuinfo, which says what the processor has, is missing") end
    local flags = cpu:read("a")
    cpu:close()
    local avx512 = flags:find("avx512f", 1, true) and flags:find("avx512vl", 1, true)
    assert.equal(vendor == "AuthenticAMD" and avx512 and "SkylakeX" or "nil", core)
  end)

  -- Builds boot.so alone, in a folder of its own, with these variables of make; returns what make printed.
  local function make_boot(path, variables)
    write(path .. "/obj/flags", "") -- so that what it needs is not looked for
    local output, status, complaint = run(("make LUA=%s OUT=%s %s %s/genlat/boot.so"):format(
      lua, path, variables, path))
    assert.equal(0, status, complaint)
    return output, read(path .. "/obj/needs.h")
  end

  local function is_x86() return run("uname -m") == "x86_64\n" end

  it("refuses a processor that the core was not built for, whatever variable asked for it, in one line", function()
    if not is_x86() then return pending "x86-64 alone has an instruction set that its processors have lost" end
    for _, variables in ipairs {
      "CFLAGS=-mxop", "CPPFLAGS=-mxop", "CC='cc -mxop'", "OPTIMIZE='-O1 -mxop'", "ARCH=x86-64-v2 CFLAGS='-g -mxop'",
    } do
      local path = folder()
      assert(os.execute("mkdir " .. path .. "/obj"))
      local output = make_boot(path, variables)
      local _, failed, message = boot("", [[require "genlat.boot"]], path)
      os.execute("rm -rf " .. path)
      assert.is_nil(output:find("-mxop", 1, true), output) -- or boot.so itself could not run there
      assert.equal(1, failed)
      assert.matches("genlat was built for a processor with %u%S*, which this one lacks: rebuild it here with " ..
        "`make clean all`\n", message)
    end
  end)

  it("knows the instructions that were really compiled in: the user's flags come last", function()
    if not is_x86() then return pending "the names of x86-64's levels" end
    local path = folder()
    assert(os.execute("mkdir " .. path .. "/obj"))
    local _, all = make_boot(path, "ARCH=x86-64-v3")
    assert.matches("GL_NEEDS__AVX2__ 1\n", all)
    assert.matches("GL_NEEDS__OPTIMIZE__ 1\n", all)
    local _, few = make_boot(path, "ARCH=x86-64-v3 CFLAGS='-O0 -march=x86-64'")
    os.execute("rm -rf " .. path)
    assert.is_nil(few:find "AVX" or few:find "SSE3" or few:find "OPTIMIZE")
  end)
end)

describe("the genlat command", function()
  it("lists the scripts, each with what it does", function()
    local output, status = run(lua .. " scripts/genlat")
    assert.equal(0, status)
    assert.matches("\n  fetch +downloads a data set", output)
    assert.is_nil(output:find("bootstrap", 1, true))
    for line in output:gmatch("\n  ([^\n]+)") do assert.matches("^%S+ +%S+ .*%S", line) end
    assert.equal(output, (run(lua .. " scripts/genlat help")))
  end)

  it("runs a script by its name, from any folder", function()
    local here = run("pwd"):gsub("\n", "")
    local output, status = run(("cd / && %s '%s/scripts/genlat' fetch --help"):format(lua, here))
    assert.equal(0, status)
    assert.matches("^Usage: genlat fetch ", output)
  end)

  it("says in one line that there is no such script, and which one is nearest", function()
    local output, status, message = run(lua .. " scripts/genlat fetsh")
    assert.equal("", output)
    assert.equal(1, status)
    assert.equal("genlat: there is no script 'fetsh'; did you mean 'fetch'?\n", message)
    for _, name in ipairs {"../spec/run", "bootstrap", "''"} do
      local _, failed, complaint = run(lua .. " scripts/genlat " .. name)
      assert.equal(1, failed)
      assert.matches("^genlat: there is no script [^\n]+\n$", complaint)
    end
  end)

  it("tells its version", function()
    local output, status = run(lua .. " scripts/genlat --version")
    assert.equal(0, status)
    assert.matches("^genlat %d+%.%d+%.%d+\n$", output)
  end)
end)

describe("bootstrap.lua", function()
  it("says which Lua genlat needs, whatever the Lua", function()
    for _, old in ipairs {"lua5.1", "luajit", "lua5.3"} do
      if os.execute("command -v " .. old .. " >/dev/null") then
        local output, status, message = run(old .. " scripts/fetch.lua mnist")
        assert.equal("", output)
        assert.equal(1, status)
        assert.matches("^genlat needs Lua 5%.4; this is Lua 5%.%d: run it with lua5%.4\n$", message)
      end
    end
  end)

  it("takes the build from where GENLAT_BUILD says it is, in the checkout or elsewhere", function()
    local path = folder()
    assert(os.execute(("cp -r lua scripts %s/ && mkdir %s/out && cp -r build/genlat %s/out"):format(path, path, path)))
    for _, build in ipairs {"out", path .. "/out"} do
      local output, status = run(("cd / && LUA_CPATH=';;' GENLAT_BUILD=%s %s %s/scripts/genlat --version"):format(
        build, lua, path))
      assert.equal(0, status)
      assert.matches("^genlat %d", output)
    end
    os.execute("rm -rf " .. path)
  end)

  it("says in a checkout that is not built what to do", function()
    local path = folder()
    assert(os.execute(("mkdir -p %s/lua/genlat && cp -r scripts %s/ && cp lua/genlat/init.lua %s/lua/genlat/"):format(
      path, path, path)))
    local _, status, message = run(("LUA_CPATH=none %s %s/scripts/fetch.lua mnist"):format(lua, path))
    os.execute("rm -rf " .. path)
    assert.equal(1, status)
    assert.equal(("genlat is not built yet: run `sh %s/scripts/setup.sh` first\n"):format(path), message)
  end)
end)

describe("setup.sh and the Makefile", function()
  it("find Lua 5.4 and its headers", function()
    assert.matches("lua", (run("sh scripts/setup.sh --lua")))
    local _, status = run("sh scripts/setup.sh --check")
    assert.equal(0, status)
  end)

  it("name in one line the packages that are missing", function()
    local path = folder()
    -- A compiler that does not find libpng's header.
    write(path .. "/cc", '#!/bin/sh\ncase $(cat) in *png.h*) exit 1 ;; esac\n')
    local _, status, message = run(("CC='sh %s/cc' sh scripts/setup.sh --check"):format(path))
    os.execute("rm -rf " .. path)
    assert.equal(1, status)
    assert.matches("^genlat: missing: png.h;[^\n]+\n$", message)
    if os.execute("command -v apt-get >/dev/null") then assert.matches("install [^\n]*libpng%-dev", message) end
  end)

  it("refuse an option that setup.sh does not know", function()
    local _, status, message = run("sh scripts/setup.sh --help-me")
    assert.equal(1, status)
    assert.matches("^genlat: [^\n]+\n$", message)
  end)

  it("install everything below DESTDIR, once, for everybody to read, and remove it again", function()
    local path = folder() .. "/with a space"
    -- As it is built: other spec files are using it.
    local make = ("umask 077; make -s -o build/genlat/core.so -o build/genlat/boot.so DESTDIR='%s' PREFIX=/usr LUA=%s ")
      :format(path, lua)
    local version = run(lua .. [[ -e 'io.write(_VERSION:match "%d+%.%d+")']])
    local first, status, complaint = run(make .. "install")
    assert.equal(0, status, complaint)
    assert.matches("/usr/lib/lua/" .. version .. "/genlat/core.so\n", first)
    assert.matches("/usr/share/lua/" .. version .. "/genlat/scripts/fetch.lua\n", first)
    assert.equal("", (run(make .. "install")))
    assert.equal("", (run(("find '%s' -type d ! -perm 755 -o -type f ! -perm -644"):format(path))))
    local command = ("cd / && LUA_PATH='%s/usr/share/lua/%s/?.lua;%s/usr/share/lua/%s/?/init.lua;;' " ..
      "LUA_CPATH='%s/usr/lib/lua/%s/?.so;;' "):format(path, version, path, version, path, version)
    local output = run(("%s '%s/usr/bin/genlat'"):format(command, path))
    assert.matches("\n  fetch +downloads", output)
    assert.equal("table\n", (run(command .. lua .. " -e 'print(type(require \"genlat\"))'")))
    run(make .. "uninstall")
    assert.equal("", (run(("find '%s' -type f"):format(path))))
    os.execute(("rm -rf '%s'"):format(path:match "^(.*)/"))
  end)

  it("read every line of a checkout that was made for Windows", function()
    local _, outside = run "git rev-parse --git-dir"
    if outside ~= 0 then return pending "this is no checkout of git's" end
    local path = folder()
    local _, status, complaint = run(("git clone -q -c core.autocrlf=true . '%s/it'"):format(path))
    assert.equal(0, status, complaint)
    assert.equal("", (run(("grep -rlI --exclude-dir=.git \"$(printf '\\r')\" '%s/it'"):format(path))))
    os.execute("rm -rf " .. path)
  end)
end)
