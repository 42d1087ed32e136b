#!/usr/bin/env python3
"""The quickstart's service: answers who it is, and calls the outside world through its sidecar when asked to.

usage: reviews.py PORT VERSION OUTBOUND_PORT [NAME]
  GET /         {"service": NAME, "version": ..., "path": ..., "peer": ...}
  GET /out/HOST asks HOST through the sidecar's outbound port and returns what came back
  GET /slow/MS  answers after MS milliseconds
"""
import http.client
import json
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, VERSION, OUTBOUND = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
NAME = sys.argv[4] if len(sys.argv) > 4 else "reviews"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = (json.dumps(value) + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_GET(self):
        if self.path.startswith("/out/"):
            return self.out(self.path[5:])
        if self.path.startswith("/slow/"):
            time.sleep(min(int(self.path[6:]), 20000) / 1000)
        peer = self.headers.get("x-forwarded-client-cert", "")
        self.answer(200, {"service": NAME, "version": VERSION, "path": self.path, "peer": peer})

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        read = 0
        while read < length:
            part = self.rfile.read(min(65536, length - read))
            if not part:
                break
            read += len(part)
        self.answer(200, {"service": NAME, "version": VERSION, "received": read})

    def out(self, host):
        connection = http.client.HTTPConnection("127.0.0.1", OUTBOUND, timeout=10)
        try:
            connection.request("GET", "/", headers={"Host": host})
            response = connection.getresponse()
            body = response.read().decode(errors="replace")
            self.answer(response.status, {"from": host, "status": response.status, "body": body.strip()})
        except OSError as error:
            self.answer(599, {"from": host, "error": str(error)})
        finally:
            connection.close()


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


Server(("127.0.0.1", PORT), Handler).serve_forever()
