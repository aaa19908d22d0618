-- check_kills.lua: the long version of what train_spec.lua checks: `make check-kills KILLS=60 RACES=20`.

require "genlat"
local kills = dofile "spec/scripts/kills.lua"
local races = dofile "spec/scripts/races.lua"
local shell = dofile "spec/scripts/shell.lua"

local SCRIPTS = {
  {"train_vae.lua", "vae", "--hidden 16"}, {"train_dcgan.lua", "dcgan", "--maps 2 --latent 4"},
  {"train_classifier.lua", "classifier", "--batch 20"},
}

local times, pairs_of_runs = tonumber(arg[1]) or 60, tonumber(arg[2]) or 20
local seed = tonumber(arg[3]) or os.time()
local data = shell.small_data(300, 60)
math.randomseed(seed)
print("seed " .. seed)
for _, case in ipairs(SCRIPTS) do
  local script, name = case[1], case[2]
  local options = ("--data '%s' %s --batch 20 --seed 9 --quiet"):format(data.name, case[3])
  local killed, runs = kills.check(script, options .. " --epochs 6 --out '%s'", times // #SCRIPTS)
  print(("%s: killed %d times in %d runs, each bit for bit as the unbroken one"):format(script, killed, runs))
  local count = math.ceil(pairs_of_runs / #SCRIPTS)
  for _ = 1, count do
    races.numbered(script, name, options, 2)
    races.named(script, options, 2)
  end
  print(("%s: %d pairs at once, all whole; %d pairs into the same folder, nothing lost"):format(script, count,
    2 * count))
end
data:remove()
