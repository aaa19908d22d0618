--- plot: pictures. plot.images (sheets of images, for PNG), plot.scatter and plot.lines (maps and curves, as SVG).

local lazy = require "genlat.lazy"

local public = {
  "bars", "colormap", "dots", "heatmap", "histogram", "images", "lines", "matrix", "morph", "scatter", "sheet",
}
local parts_of_those = {"axis", "base64", "labels", "svg", "theme"}

return lazy.fields({}, lazy.modules("genlat.plot", public), lazy.modules("genlat.plot", parts_of_those))
