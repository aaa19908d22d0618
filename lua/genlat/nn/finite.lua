--- finite.lua: tensors that hold a NaN or an infinity, which never replace good ones in a file.

local safetensors = require "genlat.safetensors"
local text = require "genlat.text"

local finite = {}

--- The first name, in order, of a tensor that is not finite, or nil. tensors: by name; those of bytes are always so.
function finite.find(tensors)
  local first
  for name, tensor in pairs(tensors) do
    if (not first or name < first) and tensor.dtype ~= "uint8" then
      local x = tensor:detach()
      if (x - x):sum():item() ~= 0 then first = name end -- inf - inf is NaN
    end
  end
  return first
end

--- Writes tensors as safetensors.save does, where they are finite; returns true, or nil and a message.
function finite.save(path, tensors, metadata)
  local flaw = finite.find(tensors)
  if flaw then return nil, text.message("%s: not written: '%s' holds NaN or infinite numbers", path, flaw) end
  return safetensors.save(path, tensors, metadata)
end

return finite
