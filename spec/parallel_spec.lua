-- parallel_spec.lua: running spec files side by side, and what becomes of those that fail, crash or are not there.

local Folder = dofile "spec/io/folder.lua"
local shell = dofile "spec/scripts/shell.lua"

describe("parallel.lua", function()
  local folder
  before_each(function() folder = Folder.new() end)
  after_each(function() folder:remove() end)

  -- Writes the spec files {name = text} and runs them; returns as shell.run.
  local function run(files, environment, flags)
    for name, text in pairs(files) do folder:write(name .. "_spec.lua", text) end
    return shell.run(("GENLAT_BUILD='%s' env -u OMP_NUM_THREADS %s %s"):format(folder.name, environment or "",
      shell.lua("spec/parallel.lua", ("%s '%s'"):format(flags or "", folder.name))))
  end

  local passes = 'it("passes", function() end)\n'

  it("adds up what the files report, and keeps their times", function()
    local output, errors, status = run {one = passes, two = passes .. 'it("too", function() end) pending "later"'}
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("/one_spec.lua: 1 success / 0 failures / 0 errors / 0 pending\n", output)
    assert.matches("/two_spec.lua: 2 successes / 0 failures / 0 errors / 1 pending\n", output)
    assert.matches("\n  Pending %->[^\n]+\n  later", output)
    assert.matches("\n3 successes / 0 failures / 0 errors / 1 pending : %d+ seconds\n$", output)
    local _, lines = folder:read "spec-seconds":gsub("%d+%.%d+ [^\n]+_spec.lua\n", "")
    assert.equal(2, lines)
  end)

  it("prints failures and errors whole, at the end", function()
    local output, _, status = run {
      fails = 'it("fails", function() assert.equal("here", "there") end)', good = passes, raises = 'error "at once"',
    }
    assert.equal(1, status)
    local counts, details = output:match "^(.-)\n==== (.*)$"
    assert.matches("good_spec.lua: 1 success / 0", counts)
    for _, said in ipairs {"fails_spec.lua", "Failure %->", "Passed in:\n *%(string%) 'there'", "Error %->",
      "at once"} do
      assert.matches(said, details)
    end
    assert.matches("\n1 success / 1 failure / 1 error / 0 pending : ", details)
  end)

  it("counts a process that ends without a report as an error of its file", function()
    local output, _, status = run {
      good = passes, leaves = 'it("leaves", function() print "last words" os.exit(0) end)',
      dies = 'it("dies", function() os.execute "kill -KILL $PPID" end)',
    }
    assert.equal(1, status)
    assert.matches("\n==== [^\n]*/dies_spec.lua\n  Error %-> the process ended without a report, with status 137 " ..
      "%(signal 9%)", output)
    assert.matches("/leaves_spec.lua\n  Error %-> [^\n]+, with status 0%. Its output:\n *last words\n", output)
    assert.matches("\n1 success / 0 failures / 2 errors / 0 pending : ", output)
  end)

  it("takes no count from what a spec prints", function()
    local counts = "7 successes / 0 failures / 0 errors / 0 pending : 1.0 seconds"
    local output = run {talks = ('it("talks", function() print "%s" assert.equal(1, 2) end)'):format(counts)}
    assert.matches("talks_spec.lua: 0 successes / 1 failure / 0 errors / 0 pending\n", output)
    assert.is_nil(output:find "\n7 successes")
  end)

  it("counts a process that fails after a good report, as one that leaks does", function()
    folder:write("helper.lua", 'require "busted".subscribe({"exit"}, function() os.exit(3) end)')
    local output, _, status = run({good = passes}, "", ("--helper='%s/helper.lua'"):format(folder.name))
    assert.equal(1, status)
    assert.matches("failed, though no spec did, with status 3%.", output)
    assert.matches("\n1 success / 0 failures / 1 error / 0 pending : ", output)
  end)

  it("runs as many at a time as JOBS says, and gives each its share of the processors", function()
    local threads = 'it("has " .. os.getenv "OMP_NUM_THREADS" .. " threads", function() pending("so") end)'
    local processors = tonumber((shell.run "getconf _NPROCESSORS_ONLN"))
    assert.matches(("has %d threads"):format(processors), (run({one = threads, two = passes}, "JOBS=1")))
    assert.matches(("has %d threads"):format(math.max(1, processors // 2)), (run({}, "JOBS=2")))
    assert.matches("has 7 threads", (run({}, "JOBS=2 OMP_NUM_THREADS=7")))
  end)

  it("refuses in one line what it does not understand", function()
    for _, case in ipairs {
      {"JOBS=0", "", "JOBS must be a whole number >= 1, got 0"},
      {"JOBS=two", "", "JOBS must be a whole number >= 1, got two"},
      {"", "-o TAP", "-o: busted's own report is read here; for another one use spec/run.lua"},
      {"", "spec/no_spec.lua", "spec/no_spec.lua: no such file or folder (write flags with values as --flag=value)"},
    } do
      local output, errors, status = run({one = passes}, case[1], case[2])
      assert.equal("", output)
      assert.equal("parallel.lua: " .. case[3] .. "\n", errors)
      assert.equal(1, status)
    end
  end)
end)
