-- wrk: the seven calls of one answer, bare, one after the other on each thread's connections: what
-- load_platform can take at all. Bodies are those of rag-responder. Prints one line of JSON.
--   wrk -t T -c C -d 8s -s bare_calls.lua http://127.0.0.1:PORT
local headers = {
  ["Content-Type"] = "application/json",
  ["Authorization"] = "Bearer key-of-the-bench",
  ["x-app-id"] = "app-of-the-bench",
  ["x-user-id"] = "101",
  ["x-company-id"] = "company_1",
  ["x-api-version"] = "2023-12-06",
}
local id = "bare0000000000000000000000000000000000"
local base = "/public/chat-gen2"
local question = '"Which fees apply to the mandate ' .. id .. ', and since when?"'
local prompt = string.rep("You answer questions with the help of the documents below. ", 6)

local function row(status)
  return '{"messageId":"msg_a_' .. id .. '","order":1,"status":"' .. status ..
         '","text":"Searching the knowledge base..."}'
end
local calls = {
  {"POST", "/message-log", row("RUNNING")},
  {"POST", "/search/search",
   '{"chatId":"chat_' .. id .. '","limit":3,"searchString":' .. question ..
   ',"searchType":"COMBINED"}'},
  {"PATCH", "/message-log/log_" .. id, row("COMPLETED")},
  {"POST", "/message-log", row("RUNNING")},
  {"POST", "/openai/chat/completions",
   '{"messages":[{"content":"' .. prompt .. '","role":"system"},{"content":' .. question ..
   ',"role":"user"}],"model":"AZURE_GPT_4o_2024_1120","options":{"temperature":0.3}}'},
  {"PATCH", "/message-log/log_" .. id, row("COMPLETED")},
  {"PATCH", "/messages/msg_a_" .. id,
   '{"chatId":"chat_' .. id .. '","text":"This is the answer."}'},
}

function init(args)
  requests = {}
  for i, call in ipairs(calls) do
    requests[i] = wrk.format(call[1], base .. call[2], headers, call[3])
  end
  next_call = 0
end

function request()
  next_call = next_call % 7 + 1
  return requests[next_call]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"non_2xx":%d,"failed":%d,"timeouts":%d}\n',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write, e.timeout))
end
