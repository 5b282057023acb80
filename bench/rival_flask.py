"""The script one would write without modhost: checks the signature, acknowledges, and answers in a
thread. What it has acknowledged is gone when the process is."""
import hashlib
import hmac
import http.client
import json
import os
import threading
import time
import urllib.parse

import flask

SECRET = os.environ["UNIQUE_ENDPOINT_SECRET"].encode()
BASE = urllib.parse.urlsplit(os.environ["UNIQUE_API_BASE"])
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer bench-key",
           "x-app-id": "bench-app", "x-api-version": "2023-12-06"}
TOLERANCE_SECONDS = 300

app = flask.Flask(__name__)


def call(connection, method, path, body):
    connection.request(method, BASE.path + path, json.dumps(body), HEADERS)
    return json.loads(connection.getresponse().read())


def answer(event):
    """Search, completion, message; a step around each of the first two."""
    payload = event["payload"]
    message, question = payload["assistantMessage"]["id"], payload["userMessage"]["text"]
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port)

    def step(order, text):
        row = call(connection, "POST", "/message-log",
                   {"messageId": message, "text": text, "status": "RUNNING", "order": order})
        return row["id"]

    def done(row, text):
        call(connection, "PATCH", f"/message-log/{row}", {"text": text, "status": "COMPLETED"})

    row = step(1, "Searching the knowledge base...")
    found = call(connection, "POST", "/search/search",
                 {"searchString": question, "searchType": "COMBINED", "limit": 3})
    done(row, f"Found {len(found)} documents")
    row = step(2, "Generating an answer...")
    context = "\n\n".join(document["text"] for document in found)
    completion = call(connection, "POST", "/openai/chat/completions",
                      {"model": "AZURE_GPT_4o_2024_1120",
                       "messages": [{"role": "system", "content": "Answer from:\n" + context},
                                    {"role": "user", "content": question}]})
    done(row, "Answer generated")
    call(connection, "PATCH", f"/messages/{message}",
         {"chatId": payload["chatId"], "text": completion["choices"][0]["message"]["content"]})
    connection.close()


@app.post("/webhook")
def webhook():
    body = flask.request.get_data()
    signature = flask.request.headers.get("X-Unique-Signature", "")
    expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    created = int(flask.request.headers.get("X-Unique-Created-At", 0))
    if not hmac.compare_digest(signature, expected) or time.time() - created > TOLERANCE_SECONDS:
        return {"success": False, "error": "Invalid signature"}, 400
    event = json.loads(body)
    if event["event"] == "unique.chat.external-module.chosen":
        threading.Thread(target=answer, args=(event,), daemon=True).start()
    return {"success": True}
