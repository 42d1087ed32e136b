"""What the end-to-end tests share: a registry of tests, a load generator, and the totals.

A test is a function with a docstring (its name in the report) that takes the running Quickstart. It fails by raising.
`Skip` says that an optional tool or folder is absent.
"""
import http.client
import os
import socket
import sys
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
sys.path.insert(0, os.path.join(ROOT, "Examples", "quickstart"))
sys.dont_write_bytecode = True


class Skip(Exception):
    pass


TESTS = []


def test(function):
    TESTS.append(function)
    return function


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def eventually(check, seconds=5.0, every=0.05, what="condition"):
    """Repeats `check` until it returns something true, which is the result."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = check()
            if last:
                return last
        except (AssertionError, OSError, http.client.HTTPException) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} not reached within {seconds} s: {last!r}")
        time.sleep(every)


class Load:
    """Keep-alive clients that send one request after the other until stopped, and count what came back.

    A refused connection is counted apart: no request was sent on it.
    """

    def __init__(self, port, host, path="/", clients=8, headers=None, pause=0.0):
        self.port, self.host, self.path, self.pause = port, host, path, pause
        self.headers = {"Host": host, **(headers or {})}
        self.ok, self.refused, self.failures, self.bodies = 0, 0, [], {}
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.client, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)

    def note(self, status, body):
        with self.lock:
            if status == 200:
                self.ok += 1
                self.bodies[body] = self.bodies.get(body, 0) + 1
            else:
                self.failures.append((round(time.monotonic(), 2), status, body[:200]))

    def client(self):
        connection = None
        while not self.stopping.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                    connection.connect()
                    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                connection = None
                with self.lock:
                    self.refused += 1
                time.sleep(0.01)
                continue
            try:
                connection.request("GET", self.path, headers=self.headers)
                response = connection.getresponse()
                body = response.read()
                self.note(response.status, body)
                if response.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.note(0, repr(error).encode())
                connection = None
            if self.pause:
                time.sleep(self.pause)
        if connection:
            connection.close()


def run(quickstart, tests, only=None):
    passed = failed = skipped = 0
    for function in tests:
        name = (function.__doc__ or function.__name__).strip().splitlines()[0]
        if only and only not in function.__name__:
            continue
        start = time.monotonic()
        try:
            function(quickstart)
            passed += 1
            print(f"ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"skip  {name}: {reason}", flush=True)
        except Exception as error:  # the report goes on with the next test
            failed += 1
            print(f"FAIL  {name}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()
    return passed, failed, skipped
