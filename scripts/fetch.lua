-- fetch.lua: downloads a data set (mnist, fashion-mnist, cifar10) into the cache folder
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")
local fetch = require "genlat.data.fetch"
local train = require "genlat.train"

train.main(function()
  local command = train.options.empty("genlat fetch",
    "Downloads data sets, resumes what was interrupted, and checks it by its size and its SHA-256.")
  command.parser:epilog("GENLAT_MIRROR=URL stands for another server, with one folder a data set: URL/mnist, "
    .. "URL/fashion-mnist.")
  command.parser:argument("name", "the data set"):args("+"):choices(fetch.names())
  command:add("--from", {metavar = "URL", help = "the address of the folder that holds the files, instead of the usual "
    .. "one"})
  command:add("--to", {metavar = "FOLDER", convert = train.options.path,
    help = "the folder to put them in, instead of " .. fetch.folder("NAME")})
  local _, options = command:read(arg)
  for _, name in ipairs(options.name) do
    local folder = train.check(fetch.fetch(name, {from = options.from, folder = options.to, say = print}))
    print(name .. " is in " .. folder)
  end
end)
