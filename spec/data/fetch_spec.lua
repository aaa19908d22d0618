-- fetch_spec.lua: downloads against a server on the loopback: whole, resumed, damaged, missing.

local fetch = require "genlat.data.fetch"

local has_socket = pcall(require, "socket")
local it = has_socket and it or function(name) pending(name .. " (needs luasocket)") end

local lua
for i = -1, -10, -1 do lua = arg[i] or lua end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read("a")
  file:close()
  return bytes
end

local function write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

local function capture(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  pipe:close()
  return (output:gsub("%s+$", ""))
end

describe("fetch", function()
  -- 40 images of 10 x 10, and their labels, as IDX.
  local images = "\0\0\8\3\0\0\0\40\0\0\0\10\0\0\0\10"
  for i = 1, 4000 do images = images .. string.char(i * i * 7919 // 13 % 256) end
  local labels = "\0\0\8\1\0\0\0\40" .. ("\0\1\2\3\4\5\6\7\8\9"):rep(4)

  local folder, served, target, server, address

  local function serve(name, bytes)
    write(served .. "/" .. name, bytes)
    os.execute("gzip -n -f " .. served .. "/" .. name)
  end

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    served, target = folder .. "/served/tiny", folder .. "/it's the $HOME"
    os.execute(("mkdir -p %s %s/served/wrong"):format(served, folder))
    write(folder .. "/served/wrong/images-idx3-ubyte.gz", "not the file that was published")
    serve("images-idx3-ubyte", images)
    serve("labels-idx1-ubyte", labels)
    local content_md5 = capture("gzip -dc " .. served .. "/images-idx3-ubyte.gz | md5sum"):match("%x+")
    local md5 = capture("md5sum < " .. served .. "/labels-idx1-ubyte.gz"):match("%x+")
    fetch.sets.tiny = {
      mirrors = {},
      files = {
        {name = "images-idx3-ubyte.gz", content_md5 = content_md5},
        {name = "labels-idx1-ubyte.gz", md5 = md5},
      },
    }
    if not has_socket then return end
    server = assert(io.popen(("%s spec/data/file_server.lua %s/served"):format(lua, folder)))
    address = "http://127.0.0.1:" .. server:read("l")
  end)

  teardown(function()
    if server then
      capture("curl --silent " .. address .. "/stop")
      server:close()
    end
    fetch.sets.tiny = nil
    os.execute("rm -rf " .. folder)
  end)

  before_each(function()
    os.execute(('rm -rf "%s" && mkdir -p "%s"'):format(target:gsub("%$", "\\$"), target:gsub("%$", "\\$")))
  end)

  local function fetch_tiny(path)
    local lines = {}
    local result, message = fetch.fetch("tiny", {
      from = address .. (path or "/tiny"), folder = target, say = function(line) lines[#lines + 1] = line end})
    return result, message, lines
  end

  -- The server's log until the request for this path; returns the first byte asked for.
  local function request(path)
    for line in server:lines() do
      local asked, from = line:match("^(%S+)\t(%S+)$")
      if asked == path then return from end
    end
  end

  it("downloads the files of a set, and does nothing the second time", function()
    local result, message, lines = fetch_tiny()
    assert.equal(target, result, message)
    assert.same({address .. "/tiny/images-idx3-ubyte.gz", address .. "/tiny/labels-idx1-ubyte.gz"}, lines)
    assert.equal(read(served .. "/images-idx3-ubyte.gz"), read(target .. "/images-idx3-ubyte.gz"))
    assert.equal(read(served .. "/labels-idx1-ubyte.gz"), read(target .. "/labels-idx1-ubyte.gz"))
    assert.is_nil(read(target .. "/images-idx3-ubyte.gz.part"))
    lines = select(3, fetch_tiny("/nowhere"))
    assert.same({"images-idx3-ubyte.gz: there already", "labels-idx1-ubyte.gz: there already"}, lines)
  end)

  it("resumes what was interrupted", function()
    local whole = read(served .. "/images-idx3-ubyte.gz")
    write(target .. "/images-idx3-ubyte.gz.part", whole:sub(1, 100))
    request("/tiny/labels-idx1-ubyte.gz") -- the last one of the spec before
    assert.equal(target, (fetch_tiny()))
    assert.equal("100", request("/tiny/images-idx3-ubyte.gz"))
    assert.equal(whole, read(target .. "/images-idx3-ubyte.gz"))
  end)

  it("takes a part that is whole as it is", function()
    write(target .. "/images-idx3-ubyte.gz.part", read(served .. "/images-idx3-ubyte.gz"))
    local _, _, lines = fetch_tiny()
    assert.equal("images-idx3-ubyte.gz: there already", lines[1])
  end)

  it("refuses and removes a file with a wrong checksum", function()
    local result, message = fetch_tiny("/wrong")
    assert.is_nil(result)
    assert.equal(("fetch: %s/wrong/images-idx3-ubyte.gz: its MD5 sum is not the published one; what came was removed")
      :format(address), message)
    assert.is_nil(read(target .. "/images-idx3-ubyte.gz"))
    assert.is_nil(read(target .. "/images-idx3-ubyte.gz.part"))
  end)

  it("begins anew where the part that it resumed is damaged", function()
    local whole = read(served .. "/images-idx3-ubyte.gz")
    for _, length in ipairs {50, #whole, #whole + 10} do
      os.remove(target .. "/images-idx3-ubyte.gz")
      write(target .. "/images-idx3-ubyte.gz.part", ("x"):rep(length))
      local result, message = fetch_tiny()
      assert.equal(target, result, message)
      assert.equal(whole, read(target .. "/images-idx3-ubyte.gz"))
    end
  end)

  it("replaces a file that was damaged in the cache", function()
    write(target .. "/labels-idx1-ubyte.gz", "damaged")
    assert.equal(target, (fetch_tiny()))
    assert.equal(read(served .. "/labels-idx1-ubyte.gz"), read(target .. "/labels-idx1-ubyte.gz"))
  end)

  it("says in one line which file is missing on the server, and leaves no file of that name", function()
    local result, message = fetch_tiny("/nowhere")
    assert.is_nil(result)
    local url = address .. "/nowhere/images-idx3-ubyte.gz"
    assert.equal("fetch: " .. url .. ": The requested URL returned error: 404", message)
    assert.is_nil(read(target .. "/images-idx3-ubyte.gz"))
  end)

  it("tries the next mirror where one fails", function()
    fetch.sets.tiny.mirrors = {address .. "/nowhere", address .. "/tiny/"}
    local result, message = fetch.fetch("tiny", {folder = target})
    assert.equal(target, result, message)
  end)

  it("says in one line that the folder cannot be made", function()
    local result, message = fetch.fetch("tiny", {folder = "/dev/null/cache"})
    assert.is_nil(result)
    assert.matches("^fetch: [^\n]+$", message)
  end)

  it("unpacks an archive, once, and says why it cannot", function()
    local path = served:gsub("tiny$", "packed")
    os.execute(("mkdir -p %s/inside && echo hello > %s/inside/file && cd %s && tar -czf good.tar.gz inside && " ..
      "echo nothing > bad.tar.gz"):format(path, path, path))
    local function fetch_archive(name)
      local md5 = capture(("md5sum < %s/%s"):format(path, name)):match("%x+")
      fetch.sets.packed = {mirrors = {}, files = {{name = name, md5 = md5, unpacks_to = "inside"}}}
      local result, message = fetch.fetch("packed", {from = address .. "/packed", folder = target})
      fetch.sets.packed = nil
      return result, message
    end
    local result, message = fetch_archive "bad.tar.gz"
    assert.is_nil(result)
    assert.matches("^fetch: [^\n]+/bad.tar.gz cannot be unpacked: [^\n]+$", message)
    assert.equal(target, fetch_archive "good.tar.gz")
    assert.equal("hello\n", read(target .. "/inside/file"))
    write(target .. "/inside/file", "mine")
    assert.equal(target, fetch_archive "good.tar.gz")
    assert.equal("mine", read(target .. "/inside/file"))
    assert.is_nil(read(target .. "/good.tar.gz.unpacked/inside/file"))
  end)

  local function sha256(bytes)
    write(folder .. "/bytes", bytes)
    return capture("sha256sum < " .. folder .. "/bytes"):match "%x+"
  end

  -- Runs f while the set's first file is known by these fields.
  local function known_by(fields, f)
    local before = fetch.sets.tiny.files
    fields.name = "images-idx3-ubyte.gz"
    fetch.sets.tiny.files = {fields}
    local ok, problem = pcall(f)
    fetch.sets.tiny.files = before
    assert(ok, problem)
  end

  it("checks the SHA-256 of a file, or of what is compressed in it", function()
    local whole = read(served .. "/images-idx3-ubyte.gz")
    for _, good in ipairs {
      {sha256 = sha256(whole), size = #whole}, {sha256 = sha256(whole)},
      {content_sha256 = sha256(images), content_size = #images}, {content_sha256 = sha256(images)},
    } do
      known_by(good, function()
        assert.equal(target, (fetch_tiny()))
        assert.equal(whole, read(target .. "/images-idx3-ubyte.gz"))
        os.remove(target .. "/images-idx3-ubyte.gz")
      end)
    end
    for _, bad in ipairs {{sha256 = sha256(images)}, {content_sha256 = sha256(whole)}} do
      known_by(bad, function()
        local result, message = fetch_tiny()
        assert.is_nil(result)
        assert.matches("its SHA%-256 sum is not the published one; what came was removed", message)
        assert.is_nil(read(target .. "/images-idx3-ubyte.gz.part"))
      end)
    end
  end)

  it("begins anew at a server that sends whole files only", function()
    local whole = read(served .. "/images-idx3-ubyte.gz")
    for _, part in ipairs {whole:sub(1, 100), ("x"):rep(100), whole .. "more"} do
      write(target .. "/images-idx3-ubyte.gz.part", part)
      assert.equal(target, (fetch_tiny "/whole/tiny"))
      assert.equal(whole, read(target .. "/images-idx3-ubyte.gz"))
      os.remove(target .. "/images-idx3-ubyte.gz")
    end
  end)

  it("takes no more than the published file's bytes, whatever a server sends", function()
    local whole = read(served .. "/images-idx3-ubyte.gz")
    known_by({sha256 = sha256(whole), size = #whole}, function()
      local result, message = fetch_tiny "/endless/tiny"
      assert.is_nil(result)
      assert.equal(("fetch: %s/endless/tiny/images-idx3-ubyte.gz: it has more than the %d bytes of the published file")
        :format(address, #whole), message)
      assert.is_nil(read(target .. "/images-idx3-ubyte.gz.part"))
      assert.is_nil(read(target .. "/images-idx3-ubyte.gz"))
    end)
    known_by({sha256 = sha256(whole), size = 100}, function() -- one that says its length
      assert.matches("it has more than the 100 bytes of the published file", select(2, fetch_tiny()))
    end)
  end)

  it("does not unpack more than the published content to check it", function()
    local bomb = served .. "/images-idx3-ubyte.gz"
    local kept = read(bomb)
    os.execute("head -c 50000000 /dev/zero | gzip -n > " .. bomb)
    known_by({content_sha256 = sha256(images), content_size = #images}, function()
      assert.matches("of the published file", (select(2, fetch_tiny())))
    end)
    write(bomb, kept)
  end)

  it("goes from https to https only, and from http wherever it is sent", function()
    assert.equal(target, (fetch_tiny "/away"))
    for name, set in pairs(fetch.sets) do
      for _, mirror in ipairs(name == "tiny" and {} or set.mirrors) do assert.matches("^https://", mirror) end
    end
  end)

  it("knows a SHA-256 and a size for every file of its data sets", function()
    for name, set in pairs(fetch.sets) do
      for _, file in ipairs(name == "tiny" and {} or set.files) do
        assert.matches("^" .. ("%x"):rep(64) .. "$", file.sha256 or file.content_sha256)
        assert.is_true(math.type(file.size or file.content_size) == "integer")
      end
    end
    local mnist = "../shared/data/mnist/"
    if not read(mnist .. "t10k-labels-idx1-ubyte.gz") then return end
    for _, file in ipairs(fetch.sets.mnist.files) do
      local path = mnist .. file.name
      assert.equal(file.content_sha256, capture("gzip -dc " .. path .. " | sha256sum"):match "%x+")
      assert.equal(file.content_size, tonumber(capture("gzip -dc " .. path .. " | wc -c")))
    end
  end)

  it("knows its data sets", function()
    assert.has_error(function() fetch.fetch("mnits") end, "fetch: there is no data set 'mnits'")
    assert.same({"cifar10", "fashion-mnist", "mnist", "tiny"}, fetch.names())
  end)

  it("takes another server from GENLAT_MIRROR, in the script", function()
    local command = ("GENLAT_MIRROR=%s XDG_CACHE_HOME=%s/cache %s scripts/fetch.lua mnist 2>&1; echo $?")
    local output = capture(command:format(address, folder, lua))
    assert.equal(("%s/mnist/train-images-idx3-ubyte.gz\nfetch: %s/mnist/train-images-idx3-ubyte.gz: " ..
      "The requested URL returned error: 404\n1"):format(address, address), output)
  end)

  it("ends with its download where a signal comes", function()
    write(folder .. "/curl", "#!/bin/sh\necho $$ >" .. folder .. "/began\nexec sleep 60\n")
    capture("chmod +x " .. folder .. "/curl")
    local output = capture(([[PATH=%s:$PATH %s scripts/fetch.lua mnist --to %s/to 2>&1 >/dev/null & p=$!
      while [ ! -s %s/began ]; do sleep 0.02; done; kill -TERM $p; wait $p; echo $?
      kill -0 $(cat %s/began) 2>/dev/null && echo still there]]):format(folder, lua, folder, folder, folder))
    assert.equal("stopped by SIGTERM\n143", output)
  end)
end)
