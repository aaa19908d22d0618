-- file_server.lua FOLDER: an HTTP server on a free port of the loopback, with ranges, for fetch_spec.lua. Writes its
-- port, then one line a request: the path and the range. GET /stop ends it, as does half a minute without a request.
-- Below /whole/ it knows no ranges and sends whole files; below /endless/ it sends zeros after a file, without an end
-- or a word about its length; below /away/ it sends the client to /tiny/.

local socket = require "socket"

local folder = assert(arg[1])
local server = assert(socket.bind("127.0.0.1", 0))
server:settimeout(30)
io.stdout:setvbuf("line")
print((select(2, server:getsockname())))

local function read_file(path)
  local file = not path:find("..", 1, true) and io.open(folder .. path, "rb")
  if not file then return nil end
  local bytes = file:read("a")
  file:close()
  return bytes
end

local function respond(client, status, headers, body)
  client:send(("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n"):format(status, #body))
  client:send(headers .. "\r\n" .. body)
end

-- Reads a request; returns its path and the first byte that it asks for.
local function read_request(client)
  local path = (client:receive("*l") or ""):match("^GET (%S+)")
  local from
  for line in function() return client:receive("*l") end do
    if line == "" then break end
    from = from or line:match("^[Rr]ange: bytes=(%d+)%-")
  end
  return path, tonumber(from)
end

-- No length, and zeros until the client has had enough or 64 MB are through.
local function respond_endlessly(client, bytes)
  client:send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" .. bytes)
  for _ = 1, 1024 do
    if not client:send(("\0"):rep(1 << 16)) then return end
  end
end

while true do
  local client = server:accept()
  if not client then break end
  client:settimeout(5)
  local path, from = read_request(client)
  print(path, from)
  local kind = path and path:match "^/(%l+)/"
  local special = kind == "whole" or kind == "endless" or kind == "away"
  local bytes = path and read_file(special and path:sub(#kind + 2) or path)
  if kind == "whole" then from = nil end
  if kind == "away" then
    respond(client, "302 Found", ("Location: /tiny%s\r\n"):format(path:match "/[^/]*$"), "")
  elseif kind == "endless" and bytes then
    respond_endlessly(client, bytes)
  elseif path == "/stop" then
    respond(client, "200 OK", "", "")
  elseif not bytes then
    respond(client, "404 Not Found", "", "")
  elseif from and from >= #bytes then
    respond(client, "416 Range Not Satisfiable", ("Content-Range: bytes */%d\r\n"):format(#bytes), "")
  elseif from then
    local range = ("Content-Range: bytes %d-%d/%d\r\n"):format(from, #bytes - 1, #bytes)
    respond(client, "206 Partial Content", range, bytes:sub(from + 1))
  else
    respond(client, "200 OK", "Accept-Ranges: bytes\r\n", bytes)
  end
  client:close()
  if path == "/stop" then break end
end
