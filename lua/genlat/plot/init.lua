--- plot: pictures. plot.images (sheets of images, for PNG), plot.scatter and plot.lines (maps and curves, as SVG).

return setmetatable({}, {
  __index = function(plot, name)
    local file = "genlat.plot." .. name
    if not package.searchpath(file, package.path) then return nil end
    plot[name] = require(file)
    return plot[name]
  end,
  __pairs = function(plot) -- those for users, loaded
    for _, name in ipairs {
      "bars", "colormap", "dots", "heatmap", "histogram", "images", "lines", "morph", "scatter", "sheet",
    } do
      local _ = plot[name]
    end
    return next, plot
  end,
})
