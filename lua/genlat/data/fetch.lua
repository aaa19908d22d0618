--- fetch.lua: downloads published data sets into the cache folder, with curl.
--
-- A file is downloaded to <name>.part, which an interrupted download is resumed from, and gets its name once its size
-- and its SHA-256 are right. So a file that has its name is whole. The system's sha256sum, shasum or openssl computes
-- the sums, which takes 0.3 s for the 55 MB that Lua would need minutes for. The data sets' own addresses are https,
-- and lead to nothing else; another server's (options.from, $GENLAT_MIRROR) is what the user says.

local check = require "genlat.check"
local core = require "genlat.core"
local text = require "genlat.text"

local fetch = {}

local quote = text.quoted

--- The data sets: name -> {mirrors, files}. A mirror is the address of the folder that holds the files; they are
-- tried in turn. Of a file: `sha256` is its sum as it is downloaded, `size` its bytes; where others may have compressed
-- it anew, `content_sha256` and `content_size` are those of what is compressed in it. `unpacks_to` is the folder that
-- an archive holds. (`md5` and `content_md5` do where no SHA-256 is known.)
fetch.sets = {
  -- LeCun, Cortes and Burges. The sums are those of the four IDX files, whose published MD5 sums are
  -- 6bbc9ace898e44ae57da46a324031adb, a25bea736e30d166cdddb491f175f624, 2646ac647ad5339dbf082846283269ea and
  -- 27ae3e4e09519cfbb04c329615203637.
  mnist = {
    mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/"},
    files = {
      {
        name = "train-images-idx3-ubyte.gz", content_size = 47040016,
        content_sha256 = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
      },
      {
        name = "train-labels-idx1-ubyte.gz", content_size = 60008,
        content_sha256 = "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
      },
      {
        name = "t10k-images-idx3-ubyte.gz", content_size = 7840016,
        content_sha256 = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
      },
      {
        name = "t10k-labels-idx1-ubyte.gz", content_size = 10008,
        content_sha256 = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
      },
    },
  },
  -- Xiao, Rasul and Vollgraf (2017): the files in github.com/zalandoresearch/fashion-mnist, whose README has their MD5
  -- sums; the SHA-256 sums are those of TensorFlow Datasets' list (url_checksums/fashion_mnist.txt).
  ["fashion-mnist"] = {
    mirrors = {
      "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
      "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    },
    files = {
      {
        name = "train-images-idx3-ubyte.gz", size = 26421880,
        sha256 = "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
      },
      {
        name = "train-labels-idx1-ubyte.gz", size = 29515,
        sha256 = "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
      },
      {
        name = "t10k-images-idx3-ubyte.gz", size = 4422102,
        sha256 = "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
      },
      {
        name = "t10k-labels-idx1-ubyte.gz", size = 5148,
        sha256 = "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
      },
    },
  },
  -- Krizhevsky (2009). www.cs.toronto.edu/~kriz/cifar.html has the MD5 sum of the binary version; the SHA-256 sum is
  -- that of TensorFlow Datasets' list (url_checksums/cifar10.txt).
  cifar10 = {
    mirrors = {"https://www.cs.toronto.edu/~kriz/"},
    files = {
      {
        name = "cifar-10-binary.tar.gz", size = 170052171, unpacks_to = "cifar-10-batches-bin",
        sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
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

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- Runs a shell command; returns whether it succeeded and what it wrote.
local function capture(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  return pipe:close() == true, output
end

-- Commands that write a sum of their input: GNU's, macOS's and BSD's, or OpenSSL's.
local SUMS = {
  sha256 = {name = "SHA-256", commands = {"sha256sum", "shasum -a 256", "openssl dgst -sha256 -r"}},
  md5 = {name = "MD5", commands = {"md5sum", "md5 -q", "openssl md5 -r"}},
}

-- The first of them that is here, or nil.
local function sum_command(kind)
  for _, command in ipairs(SUMS[kind].commands) do
    if os.execute("command -v " .. command:match("%S+") .. " >/dev/null 2>&1") then return command end
  end
end

-- Which sum is known of a file, its value, and whether it is that of what is compressed in it.
local function known_sum(file)
  for _, kind in ipairs {"sha256", "md5"} do
    if file[kind] then return kind, file[kind], false end
    if file["content_" .. kind] then return kind, file["content_" .. kind], true end
  end
end

local function size_of(path)
  local file = io.open(path, "rb")
  local size = file and file:seek "end"
  if file then file:close() end
  return size
end

-- The most bytes that the file may have: its own, or those of what is compressed in it and a little more, for what
-- cannot be compressed grows.
local function most_bytes(file)
  return file.size or file.content_size and file.content_size + file.content_size // 1000 + 4096 or 1 << 30
end

-- true where the file's content has the published sum, false where it doesn't; nil, message where nothing can tell.
local function verify(path, file)
  local size = size_of(path)
  if not size or size > most_bytes(file) then return false end
  local kind, sum, compressed = known_sum(file)
  local command = sum_command(kind)
  if not command then
    return nil, ("fetch: no %s here to check what was downloaded"):format(
      table.concat(SUMS[kind].commands, ", "):gsub(", ([^,]*)$", " or %1"))
  end
  local reader = "cat < " .. quote(path)
  if compressed then -- with something added where gzip is not content, as with bytes after its end
    local most = (file.content_size or 1 << 30) + 1
    reader = ("{ gzip -dc < %s || echo damaged; } | head -c %d"):format(quote(path), most)
  end
  local _, output = capture(("{ %s; } 2>/dev/null | %s"):format(reader, command))
  return output:match("%x+") == sum
end

local NO_RESUMING = {[33] = true, [36] = true} -- curl's status: the server sends whole files only; not from there on
local TOO_LARGE = {[63] = true, [25 + 128] = true} -- curl's; and SIGXFSZ's, from the shell

-- Runs curl, which goes on where the file at path ends; returns true, or nil, why not, and curl's status. The file gets
-- no larger than `most` bytes, whatever the server says or sends.
local function download(url, path, most)
  local secure = url:match "^https:" and "--proto =https --proto-redir =https " or ""
  local name = os.tmpname()
  local _ <close> = setmetatable({}, {__close = function() os.remove(name) end})
  local command = ("ulimit -f %d; exec curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 "
    .. "--speed-time 60 --max-filesize %d %s--continue-at - --output %s --url %s >%s 2>&1"):format((most + 511) // 512,
    most, secure, quote(path), quote(url), quote(name))
  local ok, how, status = core.execute(command) -- which a signal ends with us
  if ok then return true end
  local output = read(name)
  if how == "signal" then status = status + 128 end
  local reason = output:match("curl: %(%d+%) ([^\n]+)") or output:match("[^\n]+") or "curl failed"
  if TOO_LARGE[status] then reason = ("it has more than the %d bytes of the published file"):format(most) end
  return nil, ("fetch: %s: %s"):format(url, reason), status
end

-- Downloads a file to `part` and checks it; returns true, or nil and why not. A part that a wrong file was made of is
-- removed, and so is one that cannot be gone on with; then it begins anew, once.
local function download_checked(url, part, file)
  local most, size = most_bytes(file), size_of(part)
  if size and size > most then os.remove(part) end
  local resumed = (size_of(part) or 0) > 0
  local ok, message, status = download(url, part, most)
  if ok and verify(part, file) then return true end
  local anew = ok or NO_RESUMING[status] or message:match "416$" -- 416: there is nothing beyond the part
  if anew or TOO_LARGE[status] then os.remove(part) end
  if anew and resumed then return download_checked(url, part, file) end
  if ok then
    message = ("fetch: %s: its %s sum is not the published one; what came was removed"):format(url,
      SUMS[known_sum(file)].name)
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
    if ok == nil and size_of(from) then return nil, message end
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
  options = check.options("fetch", options, {from = {check.text}, folder = {check.text}, say = {check.callable}})
  local folder = options.folder or fetch.folder(name)
  if not os.execute("command -v curl >/dev/null 2>&1") then return nil, "fetch: curl is missing: install it" end
  local made, output = capture("mkdir -p " .. quote(folder) .. " 2>&1")
  if not made then return nil, "fetch: " .. output:gsub("\n.*", "") end
  local mirrors = mirrors_of(name, options.from)
  for _, file in ipairs(set.files) do
    local ok, message = fetch_file(file, mirrors, folder, options.say or function() end)
    if ok and file.unpacks_to then
      ok, message = unpack_archive(file, folder)
    end
    if not ok then return nil, message end
  end
  return folder
end

--- The names of the data sets, sorted.
function fetch.names() return text.sorted_keys(fetch.sets) end

return fetch
