--- fetch.lua: downloads published data sets into the cache folder, with curl.
--
-- A file is downloaded to <name>.part, which an interrupted download is resumed from, and gets its name once its
-- checksum is right. So a file that has its name is whole. The MD5 sums are the published ones; the system's md5sum,
-- md5 or openssl computes them, which takes 0.2 s for the 55 MB that Lua would need half a minute for.

local core = require "genlat.core"
local text = require "genlat.text"

local fetch = {}

--- The data sets: name -> {mirrors, files}. A mirror is the address of the folder that holds the files; they are
-- tried in turn. `md5` is a file's sum as it is downloaded, `content_md5` that of what is compressed in it;
-- `unpacks_to` is the folder that an archive holds.
fetch.sets = {
  -- LeCun, Cortes and Burges. The sums are those of the four IDX files, whichever way they are compressed.
  mnist = {
    mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/"},
    files = {
      {name = "train-images-idx3-ubyte.gz", content_md5 = "6bbc9ace898e44ae57da46a324031adb"},
      {name = "train-labels-idx1-ubyte.gz", content_md5 = "a25bea736e30d166cdddb491f175f624"},
      {name = "t10k-images-idx3-ubyte.gz", content_md5 = "2646ac647ad5339dbf082846283269ea"},
      {name = "t10k-labels-idx1-ubyte.gz", content_md5 = "27ae3e4e09519cfbb04c329615203637"},
    },
  },
  -- Xiao, Rasul and Vollgraf (2017). The sums are from the README of github.com/zalandoresearch/fashion-mnist.
  ["fashion-mnist"] = {
    mirrors = {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
    files = {
      {name = "train-images-idx3-ubyte.gz", md5 = "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
      {name = "train-labels-idx1-ubyte.gz", md5 = "25c81989df183df01b3e8a0aad5dffbe"},
      {name = "t10k-images-idx3-ubyte.gz", md5 = "bef4ecab320f06d8554ea6380940ec79"},
      {name = "t10k-labels-idx1-ubyte.gz", md5 = "bb300cfdad3c16e7a12a480ee83cd310"},
    },
  },
  -- Krizhevsky (2009). The sum is from www.cs.toronto.edu/~kriz/cifar.html, for the binary version.
  cifar10 = {
    mirrors = {"https://www.cs.toronto.edu/~kriz/"},
    files = {
      {
        name = "cifar-10-binary.tar.gz", md5 = "c32a1d4ab5d03f1284b67883e8d87530", unpacks_to = "cifar-10-batches-bin",
      },
    },
  },
}

--- The folder in which genlat keeps a data set: ${XDG_CACHE_HOME:-~/.cache}/genlat/<name>. Without HOME, ~ is what the
-- system says.
function fetch.folder(name)
  local cache, home = os.getenv("XDG_CACHE_HOME"), os.getenv("HOME")
  if not home or home == "" then home = core.home() or "/nonexistent" end
  if not cache or cache == "" then cache = home .. "/.cache" end
  return cache .. "/genlat/" .. name
end

-- A word of a shell command, whatever is in it.
local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- Runs a shell command; returns whether it succeeded and what it wrote.
local function capture(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  return pipe:close() == true, output
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- The command that writes the MD5 sum of its input: GNU's, macOS's and BSD's, or OpenSSL's; or nil.
local function md5_command()
  for _, command in ipairs {"md5sum", "md5 -q", "openssl md5 -r"} do
    if os.execute("command -v " .. command:match("%S+") .. " >/dev/null 2>&1") then return command end
  end
end

-- true where the file's content has the published sum, false where it doesn't; nil, message where nothing can tell.
local function verify(path, file)
  if not exists(path) then return false end
  local command = md5_command()
  if not command then return nil, "fetch: no md5sum, md5 or openssl here to check what was downloaded" end
  local reader = file.content_md5 and "gzip -dc < " or "cat < "
  local _, output = capture(reader .. quote(path) .. " 2>/dev/null | " .. command)
  return output:match("%x+") == (file.content_md5 or file.md5)
end

-- Runs curl, which goes on where the file at path ends; returns true, or nil and why not.
local function download(url, path)
  local command = "curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 --speed-time 60 " ..
    "--continue-at - --output " .. quote(path) .. " --url " .. quote(url) .. " 2>&1"
  local ok, output = capture(command)
  if ok then return true end
  local reason = output:match("curl: %(%d+%) ([^\n]+)") or output:match("[^\n]+") or "curl failed"
  return nil, ("fetch: %s: %s"):format(url, reason)
end

-- Downloads a file to `part` and checks it; returns true, or nil and why not. A part that a wrong file was made of is
-- removed, and so is one that is as long as the whole file already (416: no such range); then it begins anew, once.
local function download_checked(url, part, file)
  local resumed = exists(part)
  local ok, message = download(url, part)
  if ok and verify(part, file) then return true end
  if ok or message:match("416$") then
    os.remove(part)
    if resumed then return download_checked(url, part, file) end
    message = ("fetch: %s: its MD5 sum is not the published one; what came was removed"):format(url)
  end
  return nil, message
end

-- Brings one file into the folder; returns true, or nil and why not.
local function fetch_file(file, mirrors, folder, say)
  local path = folder .. "/" .. file.name
  local part = path .. ".part"
  local ok, message
  for _, from in ipairs {path, part} do
    ok, message = verify(from, file)
    if ok == nil then return nil, message end
    if ok then
      say(("%s: there already"):format(file.name))
      return os.rename(from, path)
    end
  end
  os.remove(path)
  for _, mirror in ipairs(mirrors) do
    local url = mirror:gsub("/*$", "/") .. file.name
    say(url)
    ok, message = download_checked(url, part, file)
    if ok then return os.rename(part, path) end
  end
  return nil, message
end

-- Unpacks an archive that has come, if that has not been done yet: beside its place, so that its folder is whole once
-- it is there. Returns true, or nil and why not.
local function unpack_archive(file, folder)
  local target, beside = folder .. "/" .. file.unpacks_to, folder .. "/" .. file.name .. ".unpacked"
  if os.execute("test -d " .. quote(target)) then return true end
  local ok, output = capture(("rm -rf %s && mkdir %s && tar -xzf %s -C %s 2>&1 && mv %s %s 2>&1"):format(quote(beside),
    quote(beside), quote(folder .. "/" .. file.name), quote(beside), quote(beside .. "/" .. file.unpacks_to),
    quote(target)))
  os.execute("rm -rf " .. quote(beside))
  if ok then return true end
  return nil, ("fetch: %s/%s cannot be unpacked: %s"):format(folder, file.name, output:match("[^\n]+") or "tar failed")
end

-- Where to download from: `from` itself, the folder of the set's name on $GENLAT_MIRROR, or the set's own mirrors.
local function mirrors_of(name, from)
  local mirror = os.getenv("GENLAT_MIRROR")
  if from then return {from} end
  if mirror and mirror ~= "" then return {mirror:gsub("/*$", "/") .. name} end
  return fetch.sets[name].mirrors
end

--- Brings a data set into the cache folder, and leaves what is there already.
-- @param name     "mnist", "cifar10" or another key of fetch.sets
-- @param options  from: the address of the folder that holds the files, instead of the set's mirrors;
--                 folder: where to, instead of fetch.folder(name); say: function(line) for a line a file
-- @return the folder; or nil and a message of one line
function fetch.fetch(name, options)
  local set = fetch.sets[name]
  if not set then error(("fetch: there is no data set '%s'"):format(tostring(name)), 2) end
  options = options or {}
  local folder = options.folder or fetch.folder(name)
  if not os.execute("command -v curl >/dev/null 2>&1") then return nil, "fetch: curl is missing: install it" end
  local made, output = capture("mkdir -p " .. quote(folder) .. " 2>&1")
  if not made then return nil, "fetch: " .. output:gsub("\n.*", "") end
  for _, file in ipairs(set.files) do
    local ok, message = fetch_file(file, mirrors_of(name, options.from), folder, options.say or function() end)
    if ok and file.unpacks_to then
      ok, message = unpack_archive(file, folder)
    end
    if not ok then return nil, message end
  end
  return folder
end

--- The names of the data sets, sorted.
function fetch.names()
  local names = {}
  for name in pairs(fetch.sets) do names[#names + 1] = name end
  text.sort(names)
  return names
end

return fetch
