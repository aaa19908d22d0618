--- finite.lua: which of some tensors holds a NaN or an infinity.

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

return finite
