# SPDX-License-Identifier: BSD-2-Clause
"""A small origin for weir: every answer takes 300 ms of "work", and the origin counts its calls.

    small_origin.py PORT

GET /calls answers the counts, at once and without counting itself. Any other path is a page.
"""

import collections
import http.server
import json
import sys
import threading
import time

WORK = 0.3

calls = collections.Counter()
lock = threading.Lock()


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/calls":
            with lock:
                return self.answer(json.dumps(calls), "application/json", "no-store")
        with lock:
            calls[path] += 1
            number = calls[path]
        time.sleep(WORK)
        self.answer(f"This is {path}, made by call {number} of the origin.\n", "text/plain", "max-age=60")

    def answer(self, text, kind, cache_control):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache_control)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512


if __name__ == "__main__":
    try:
        Server(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
    except KeyboardInterrupt:
        pass
