-- fetch.lua: downloads a data set (mnist, fashion-mnist, cifar10) into the cache folder
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")
local fetch = require("genlat.data.fetch")

local parser = require("argparse")("genlat fetch", "Downloads data sets, resumes what was interrupted, and checks it.")
  :epilog("GENLAT_MIRROR=URL stands for another server, with one folder a data set: URL/mnist, URL/fashion-mnist.")
parser:argument("name", "the data set"):args("+"):choices(fetch.names())
parser:option("--from", "the address of the folder that holds the files, instead of the usual one"):argname("URL")
parser:option("--to", "the folder to put them in, instead of " .. fetch.folder("NAME")):argname("FOLDER")
local options = parser:parse()

for _, name in ipairs(options.name) do
  local folder, message = fetch.fetch(name, {from = options.from, folder = options.to, say = print})
  if not folder then
    io.stderr:write(message, "\n")
    os.exit(1)
  end
  print(name .. " is in " .. folder)
end
