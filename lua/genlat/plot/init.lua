--- plot: pictures. plot.images (sheets of images, for PNG), plot.scatter and plot.lines (maps and curves, as SVG).

return setmetatable({}, {
  __index = function(plot, name)
    local part = require("genlat.plot." .. name)
    plot[name] = part
    return part
  end,
})
