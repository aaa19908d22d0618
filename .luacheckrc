-- What luacheck expects of genlat's Lua files.
std = "lua54"
max_line_length = 120
files["spec"] = {std = "+busted"}
files["scripts/genlat"] = {globals = {"arg"}} -- shifts it for the script that it runs
