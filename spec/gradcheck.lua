--- gradcheck.lua: compares the gradients of all ops with finite differences, and their values and gradients with
--- PyTorch's, in double precision: `make f64`, then `lua5.4 spec/gradcheck.lua`. Prints a line for each case: what was
--- checked (slope: finite differences and PyTorch; value: PyTorch alone) or FAIL, the op, the case's number, what is
--- wrong. spec/ops_spec.lua runs it, in a process of its own, as it needs another core.

package.path = "./?.lua;./lua/?.lua;./lua/?/init.lua;" .. package.path
package.cpath = "./build/f64/?.so;" .. package.cpath

local gl = require "genlat"
local opcheck = require "spec.opcheck"

local all = opcheck.read "ops.json"

for _, row in ipairs(gl.core.op_table) do
  for number, case in ipairs(all[row.name] or {}) do
    local smooth = row.differentiable and opcheck.is_smooth(case)
    local _, message = pcall(function()
      return opcheck.torch_difference(row, case) or smooth and opcheck.slope_difference(row, case) or nil
    end)
    print(message and "FAIL" or smooth and "slope" or "value", row.name, number, message or "")
  end
end

-- The check is checked by an op with the value of exp and another gradient.
local wrong = {name = "wrong", signature = "x:T"}
function gl.core.wrong(x) return x + (x:exp() - x):detach() end
print(opcheck.slope_difference(wrong, all.exp[2]) and "caught" or "FAIL", wrong.name, 1, "")
