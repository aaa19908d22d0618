-- parallel.lua [busted's flags] [files or folders]: runs spec files side by side, each by spec/run.lua in a process of
-- its own, and adds up what they report. As many at a time as JOBS in the environment, or the processors, allow; those
-- that took longest the last time come first. A process that ends without a report counts as an error of its file.

local dir, path = require "pl.dir", require "pl.path"

local interpreter = 0
while arg[interpreter - 1] do interpreter = interpreter - 1 end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function capture(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read "a"
  pipe:close()
  return output
end

local function read(name)
  local file = io.open(name, "rb")
  local text = file and file:read "a" or ""
  if file then file:close() end
  return text
end

-- ---- what to run ----------------------------------------------------------------------------------------------------

-- Splits the arguments into busted's flags and the spec files that the others name; without any, all below spec/.
local function parse(arguments)
  local flags, files, seen = {}, {}, {}
  local function add(name)
    name = path.normpath(name)
    if not seen[name] then files[#files + 1], seen[name] = name, true end
  end
  local function add_folder(folder)
    for _, name in ipairs(dir.getallfiles(folder, "*_spec.lua")) do add(name) end
  end
  for _, argument in ipairs(arguments) do
    if argument:match "^%-o" or argument:match "^%-%-output" then
      error(argument .. ": busted's own report is read here; for another one use spec/run.lua", 0)
    elseif argument:sub(1, 1) == "-" then
      flags[#flags + 1] = quote(argument)
    elseif path.isdir(argument) then
      add_folder(argument)
    elseif path.isfile(argument) then
      add(argument)
    else
      error(argument .. ": no such file or folder (write flags with values as --flag=value)", 0)
    end
  end
  if #files == 0 then add_folder "spec" end
  return table.concat(flags, " "), files
end

-- The seconds that each file took the last time, "SECONDS FILE" a line, in the folder of the build.
local record = (os.getenv "GENLAT_BUILD" or "build") .. "/spec-seconds"

local function read_seconds()
  local seconds = {}
  for time, file in read(record):gmatch "([%d.]+) ([^\n]+)" do seconds[file] = tonumber(time) end
  return seconds
end

local function write_seconds(seconds)
  local file = io.open(record, "wb")
  if not file then return end -- a checkout that may not be written to
  for _, name in ipairs(require("pl.tablex").keys(seconds)) do file:write(("%.2f %s\n"):format(seconds[name], name)) end
  file:close()
end

-- For a file that was never run: by its length, and more where it starts programs.
local function guess_seconds(file)
  local text = read(file)
  return #text / 20000 * (text:find("shell.", 1, true) and 10 or 1)
end

-- Longest first, so that no long one is left for the end.
local function sort_by_seconds(files, seconds)
  local weight = {}
  for _, file in ipairs(files) do weight[file] = seconds[file] or guess_seconds(file) end
  table.sort(files, function(a, b)
    if weight[a] ~= weight[b] then return weight[a] > weight[b] end
    return a < b
  end)
end

-- ---- running it -----------------------------------------------------------------------------------------------------

-- How many processes at a time, and how many threads each may use so that they do not wait for each other's cores.
local function share_processors(files)
  local given = os.getenv "JOBS" or ""
  local jobs = math.tointeger(tonumber(given))
  if given ~= "" and not (jobs and jobs >= 1) then error("JOBS must be a whole number >= 1, got " .. given, 0) end
  local processors = tonumber(capture "getconf _NPROCESSORS_ONLN") or 1
  jobs = math.min(jobs or processors, #files)
  return jobs, os.getenv "OMP_NUM_THREADS" or math.max(1, processors // jobs)
end

-- Starts all, `jobs` at a time. The pipe returned yields "STATUS NUMBER" as each ends; the scratch folder then holds
-- its output in NUMBER, its counts in NUMBER.counts.
local function start(files, flags, jobs, threads, scratch)
  local list = assert(io.open(scratch .. "/files", "wb"))
  for i, file in ipairs(files) do list:write(i, "\0", file, "\0") end
  assert(list:close())
  local one = ('OMP_NUM_THREADS=%s %s spec/run.lua -o spec/counts.lua -Xoutput %s/"$1".counts %s "$2" >%s/"$1" 2>&1 ' ..
    '</dev/null; echo "$? $1"'):format(threads, quote(arg[interpreter]), quote(scratch), flags, quote(scratch))
  return assert(io.popen(("xargs -0 -n 2 -P %d sh -c %s sh <%s"):format(jobs, quote(one), quote(scratch .. "/files"))))
end

-- ---- adding it up ---------------------------------------------------------------------------------------------------

-- What one process came to: its counts, and what has to be said of it. Where it ended in another way than its counts
-- say, that is one error more.
local function judge(status, output, counts)
  local success, failure, err, pending, seconds = counts:match "^(%d+) (%d+) (%d+) (%d+) ([%d.]+)\n$"
  local report = {success = math.tointeger(success) or 0, failure = math.tointeger(failure) or 0,
    error = math.tointeger(err) or 0, pending = math.tointeger(pending) or 0, seconds = tonumber(seconds) or 0}
  local wrong = not success and "ended without a report" or
    status ~= 0 and report.failure + report.error == 0 and "failed, though no spec did"
  if wrong then
    local signal = status > 128 and (" (signal %d)"):format(status - 128) or ""
    report.error = report.error + 1
    output = ("Error -> the process %s, with status %d%s. Its output:\n%s"):format(wrong, status, signal, output)
  end
  if report.failure + report.error + report.pending > 0 then report.said = output end
  return report
end

local function describe(report)
  return ("%d success%s / %d failure%s / %d error%s / %d pending"):format(
    report.success, report.success == 1 and "" or "es", report.failure, report.failure == 1 and "" or "s",
    report.error, report.error == 1 and "" or "s", report.pending)
end

local function indent(text) return (text:gsub("%s+$", ""):gsub("[^\n]+", "  %0")) end

-- Prints what has to be said of each file, and the counts of all in busted's form; returns whether all is well.
local function summarize(files, reports, seconds)
  local total = {success = 0, failure = 0, error = 0, pending = 0}
  for _, file in ipairs(files) do
    local report = reports[file] or judge(255, "It was not run.", "")
    for count in pairs(total) do total[count] = total[count] + report[count] end
    if report.said then print(("\n==== %s\n%s"):format(file, indent(report.said))) end
  end
  print(("\n%s : %d seconds"):format(describe(total), seconds))
  return total.failure + total.error == 0
end

-- ---- main -----------------------------------------------------------------------------------------------------------

local function run(scratch)
  local flags, files = parse(arg)
  local jobs, threads = share_processors(files)
  local seconds, reports, began = read_seconds(), {}, os.time()
  sort_by_seconds(files, seconds)
  local pipe <close> = start(files, flags, jobs, threads, scratch)
  for line in pipe:lines() do
    local status, number = line:match "^(%d+) (%d+)$"
    local file = files[tonumber(number)]
    local report = judge(tonumber(status), read(scratch .. "/" .. number), read(scratch .. "/" .. number .. ".counts"))
    reports[file], seconds[file] = report, report.seconds
    print(("%6.1f s  %s: %s"):format(report.seconds, file, describe(report)))
    io.stdout:flush()
  end
  write_seconds(seconds)
  return summarize(files, reports, os.time() - began)
end

local scratch = capture "mktemp -d":gsub("\n$", "")
local ok, well = pcall(run, scratch)
os.execute("rm -rf " .. quote(scratch))
if not ok then io.stderr:write("parallel.lua: ", tostring(well), "\n") end
os.exit(ok and well)
