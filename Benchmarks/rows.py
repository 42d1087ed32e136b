"""What is measured: every row is one load on one port of a proxy, and the mark that ours is held to."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))

BROWSER = [item for header in (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br", "Accept-Language: en-US,en;q=0.5",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=all; visits=17; campaign=autumn",
    "Referer: https://www.example.com/some/page/with/a/longish/path?and=query", "Sec-Fetch-Mode: navigate",
    "Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
) for item in ("-H", header)]

POST = """wrk.method = "POST"
wrk.body = string.rep("x", 16384)
wrk.headers["Content-Type"] = "application/octet-stream"
"""

# A prime step visits every host and route without a random generator on the load's core.
HOSTS = """local turn = 0
local made = {}
init = function(args)
  for host = 0, 999 do
    for route = 0, 9 do
      made[#made + 1] = wrk.format("GET", "/r" .. route .. "/1k", {["Host"] = "h" .. host .. ".example.com"})
    end
  end
end
request = function()
  turn = (turn + 7919) % 10000
  return made[turn + 1]
end
"""


class Row:
    """`mark`: most that ours may cost, as a multiple of the cheapest peer. `floor`: the same of the blind relay."""

    def __init__(self, title, port, mark, command, floor=None, set="edge"):
        self.title, self.port, self.mark, self.command = title, port, mark, command
        self.floor, self.set = floor, set


def wrk(connections, path, scheme, *more, script=None):
    def command(run, port, seconds):
        lua = ["-s", script_file(run, script)] if script else []
        return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", *lua, *more, f"{scheme}://127.0.0.1:{port}{path}"]
    return command


def h2load(connections, streams, path, *more):
    def command(run, port, seconds):
        extra = [part.replace("@RUN@", run) for part in more]
        return ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}", *extra,
                f"https://127.0.0.1:{port}{path}"]
    return command


def handshakes(*more):
    return lambda run, port, seconds: [f"{run}/resume", str(port), "/1k", str(seconds), *more]


def script_file(run, name):
    path = f"{run}/{name}.lua"
    if not os.path.exists(path):
        with open(path, "w") as file:
            file.write({"post": POST, "hosts": HOSTS}[name])
    return path


GRPC = ("-d", "@RUN@/message.grpc", "-H", "content-type: application/grpc", "-H", "te: trailers")

ROWS = {
    "keepalive": Row("HTTP/1.1, 1 KiB", "plain", 0.85, wrk(64, "/1k", "http"), floor=1.2),
    "browser": Row("HTTP/1.1, browser headers", "plain", 0.95, wrk(64, "/1k", "http", *BROWSER)),
    "chunked": Row("HTTP/1.1, chunked answer", "plain", 0.95, wrk(64, "/chunked", "http")),
    "post": Row("HTTP/1.1, POST 16 KiB", "plain", 0.95, wrk(64, "/1k", "http", script="post")),
    "hosts": Row("1,000 virtual hosts × 10 routes", "hosts", 0.95, wrk(64, "/", "http", script="hosts")),
    "many": Row("5,000 connections, 1 KiB", "plain", 0.95, wrk(5000, "/1k", "http")),
    "tls": Row("TLS keep-alive, 1 KiB", "tls", 0.95, wrk(64, "/1k", "https")),
    "handshake": Row("new TLS connection per request, ECDSA", "tls", 1.05, handshakes()),
    "rsa": Row("new TLS connection per request, RSA 2048", "rsa", 1.05, handshakes()),
    "resumed": Row("new TLS connection per request, resumed", "tls", 0.9, handshakes("resume")),
    "h2": Row("HTTP/2 over TLS to HTTP/1.1", "tls", 0.85, h2load(8, 32, "/1k")),
    "h2h2": Row("HTTP/2 over TLS to HTTP/2", "h2", 0.85, h2load(8, 32, "/1k")),
    "grpc": Row("gRPC unary", "h2", 0.85, h2load(8, 32, "/bench.Echo/Unary", *GRPC)),
    "large": Row("HTTP/1.1, 1 MiB", "plain", 0.9, wrk(16, "/1m", "http")),
    "large-tls": Row("TLS, 1 MiB", "tls", 0.9, wrk(16, "/1m", "https")),
    "tcp": Row("TCP passthrough, 1 KiB", "tcp", 0.95, wrk(64, "/1k", "http")),
    "tcp-large": Row("TCP passthrough, 1 MiB", "tcp", 0.9, wrk(16, "/1m", "http")),
    "mesh": Row("two proxies, mutual TLS between them, 1 KiB", "mesh", 0.95, wrk(64, "/1k", "http"), set="pair"),
    "mesh-large": Row("two proxies, mutual TLS between them, 1 MiB", "mesh", 0.9, wrk(16, "/1m", "http"), set="pair"),
    "two": Row("two workers: HTTP/1.1, 1 KiB", "plain", 0.85, wrk(64, "/1k", "http"), set="workers"),
    "two-tls": Row("two workers: TLS keep-alive, 1 KiB", "tls", 0.95, wrk(64, "/1k", "https"), set="workers"),
    "two-h2": Row("two workers: HTTP/2 over TLS to HTTP/1.1", "tls", 0.85, h2load(8, 32, "/1k"), set="workers"),
    "log": Row("access log: HTTP/1.1, 1 KiB", "plain", 0.85, wrk(64, "/1k", "http"), set="logs"),
    "log-browser": Row("access log: browser headers", "plain", 0.95, wrk(64, "/1k", "http", *BROWSER), set="logs"),
    "log-tls": Row("access log: TLS keep-alive, 1 KiB", "tls", 0.95, wrk(64, "/1k", "https"), set="logs"),
    "log-h2": Row("access log: HTTP/2 over TLS to HTTP/1.1", "tls", 0.85, h2load(8, 32, "/1k"), set="logs"),
}

# Memory of a connection that asked once and then stays silent: (title, port, connections, most KiB each).
IDLE = {
    "idle": ("idle plain connection", "plain", 5000, 4),
    "idle-tls": ("idle TLS connection", "tls", 2000, 24),
}

QUICK = ["keepalive", "browser", "tls", "handshake", "h2", "large", "large-tls"]
EVERYTHING = [*ROWS, *IDLE, "sidecar"]
