-- wrk: streams the signed requests that make_events wrote, each once, and prints one line of JSON.
--   wrk -t T -c C -d 8s -s post_events.lua URL -- FOLDER
-- Thread k reads FOLDER/requests-k. A thread whose file is used up says so: from then on it would
-- send duplicates, which are cheaper than events, so the run does not count.
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  file = assert(io.open(args[1] .. "/requests-" .. number, "rb"))
  bytes = tonumber(file:read("*l"))
  exhausted = false
end

function request()
  local whole = file:read(bytes)
  if not whole then
    exhausted = true
    file:seek("set", 0)
    file:read("*l")
    whole = file:read(bytes)
  end
  return whole
end

function done(summary, latency, requests)
  local exhausted = false
  for _, thread in ipairs(threads) do exhausted = exhausted or thread:get("exhausted") end
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"non_2xx":%d,"failed":%d,"timeouts":%d,' ..
    '"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"exhausted":%s}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write, e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
    tostring(exhausted)))
end
