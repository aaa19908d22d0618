--- cifar10.lua: CIFAR-10 (Krizhevsky 2009), the binary version: 50,000 training and 10,000 test images of 32 x 32 x 3.

local core = require "genlat.core"
local Set = require "genlat.data.set"
local Split = require "genlat.data.split"

local cifar10 = {}

local SUBFOLDER = "cifar-10-batches-bin" -- that the published archive unpacks to
local TRAIN = {
  "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
}

-- As published in batches.meta.txt.
local class_names = {
  "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
}

--- The folder with the files: the one given or its subfolder cifar-10-batches-bin; nil where neither has them.
function cifar10.find(path)
  for _, place in ipairs {path, path .. "/" .. SUBFOLDER} do
    if core.file_kind(place .. "/" .. TRAIN[1]) == "file" then return place end
  end
end

local function load_split(path, names)
  local paths = {}
  for i, name in ipairs(names) do
    paths[i] = path .. "/" .. name
  end
  local images, labels = core.read_cifar10(paths)
  if not images then return nil, labels end
  return Split.new(images, labels)
end

--- Loads the files of a folder that cifar10.find has found; nil and a message where they are missing or damaged.
function cifar10.load(path)
  local train, message = load_split(path, TRAIN)
  if not train then return nil, message end
  local test, message2 = load_split(path, {"test_batch.bin"})
  if not test then return nil, message2 end
  return Set.new {
    name = "cifar10", path = core.real_path(path), shape = {32, 32, 3}, classes = class_names,
    numbers = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, train = train, test = test,
  }
end

return cifar10
