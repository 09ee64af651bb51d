"""An endpoint with OpenAI's HTTP API for tests: it reads its prompts, answers by a rule, and counts.

What a description names, it finds in the recommended item of a case; what the active cases' recommended
items have most in common, it gives for a description. So it is a judge that can be right and wrong, and
needs no model. It embeds texts as bags of words: a direction for each word, and their sum. Faults are told
to it."""

import collections
import contextlib
import hashlib
import http.server
import json
import random
import re
import threading

DIM = 128


def values_of(line):
    """What stands in brackets behind the recommended item."""
    found = re.search(r"recommended [^(]*\(([^)]*)\)", line)
    return found.group(1).split(", ") if found else []


def answer(prompt):
    if not prompt.startswith("Description: "):
        count = collections.Counter(v for line in prompt.splitlines() if line.startswith("level ")
                                    for v in values_of(line))
        return count.most_common(1)[0][0] if count else "anything"
    first, *cases = prompt.splitlines()
    named = [line for line in cases if any(v.lower() in first.lower() for v in values_of(line))]
    if cases and cases[0].startswith("Case: "):
        return "9" if named else "0"
    return ", ".join(line.split(".")[0] for line in named) or "none"


def embedding(text):
    total = [0] * DIM
    for word in re.findall(r"[\w-]+", text.lower()):
        direction = random.Random(word)
        total = [value + direction.choice((-1, 1)) for value in total]
    return total


class Endpoint:
    """Listens on a free port of this machine. `requests`: how often each body came; `paid`: how often
    each was answered to someone who still waited; `texts`: how often each was embedded for such a one."""

    def __init__(self):
        self.requests = collections.Counter()
        self.paid = collections.Counter()
        self.texts = collections.Counter()
        self.keys = set()
        self.rule = answer  # of a prompt
        self.fault = None  # called with the number of the request; returns (status, body, headers) or None
        self.before = None  # called with the number of the request, before it is answered
        self.lock = threading.Lock()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body go out by themselves

            def do_POST(self):
                endpoint.serve(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def serve(self, handler, body):
        digest = hashlib.sha256(body).hexdigest()
        with self.lock:
            self.keys.add(handler.headers.get("Authorization"))
            self.requests[digest] += 1
            number = sum(self.requests.values())
        if self.before is not None and self.before(number):
            handler.close_connection = True
            return  # whoever asked is gone
        fault = self.fault(number) if self.fault is not None else None
        if fault is None:
            asked = json.loads(body)
            texts = asked.get("input", [])
            if texts:
                content = {"data": [{"index": i, "embedding": embedding(text)} for i, text in enumerate(texts)]}
            else:
                text = self.rule(asked["messages"][-1]["content"])
                content = {"choices": [{"message": {"role": "assistant", "content": text}}],
                           "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": len(text)}}
            fault = (200, json.dumps(content), {})
            with self.lock:
                self.paid[digest] += 1
                self.texts.update(texts)
        status, text, headers = fault
        data = text.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(ConnectionError):  # who refuses a long answer hangs up
            handler.wfile.write(data)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
