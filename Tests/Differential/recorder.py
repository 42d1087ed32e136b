"""The upstreams of the differential tests: they note what arrives, and answer as a test's script says.

A request belongs to a case by its field `x-case`; attempts, mirrored copies and the upstream's view of the request are
looked up by it afterwards. All endpoints live in this process, so that a look needs no request of its own.
"""
import asyncio
import time

import wire


class Arrival:
    """One request as an upstream saw it."""

    def __init__(self, endpoint, version, method, target, authority, fields, body, trailers):
        self.endpoint, self.version, self.method, self.target = endpoint, version, method, target
        self.authority, self.fields, self.body, self.trailers = authority, fields, body, trailers
        self.time = time.monotonic()

    @property
    def is_mirrored(self):
        return self.authority.split(":")[0].endswith("-shadow")


class Step:
    """What one attempt is answered."""

    def __init__(self, status=200, fields=(), body=b"ok", delay=0.0, reset=False, trailers=()):
        self.status, self.fields, self.body, self.delay = status, list(fields), body, delay
        self.reset, self.trailers = reset, list(trailers)


class Recorder:
    def __init__(self):
        self.arrivals, self.scripts, self.servers, self.endpoints = {}, {}, [], {}

    async def listen(self, name, tls=None):
        """Starts an endpoint; its port."""
        server = await asyncio.start_server(lambda r, w: self.connection(name, r, w), "127.0.0.1", 0, ssl=tls)
        self.servers.append(server)
        port = server.sockets[0].getsockname()[1]
        self.endpoints[port] = name
        return port

    def close(self):
        for server in self.servers:
            server.close()

    def script(self, case, steps):
        self.scripts[case] = steps

    def forget(self, case):
        self.scripts.pop(case, None)
        return self.arrivals.pop(case, [])

    def step(self, arrival):
        case = wire.first(arrival.fields, "x-case") or ""
        seen = self.arrivals.setdefault(case, [])
        attempt = sum(1 for other in seen if not other.is_mirrored)
        seen.append(arrival)
        steps = self.scripts.get(case)
        if not steps or arrival.is_mirrored:
            return Step()
        return steps[min(attempt, len(steps) - 1)]

    async def connection(self, name, reader, writer):
        try:
            start = await reader.readexactly(3)
            if start == b"PRI":
                await reader.readexactly(len(wire.PREFACE) - 3)
                await self.http2(name, reader, writer)
            else:
                await self.http1(name, start, reader, writer)
        except (asyncio.IncompleteReadError, OSError, wire.Malformed, ValueError, asyncio.LimitOverrunError):
            pass
        finally:
            wire.abort(writer)

    async def http1(self, name, start, reader, writer):
        while True:
            block = start + await reader.readuntil(b"\r\n\r\n")
            line, fields = wire.head_lines(block[:-4])
            method, target, _ = line.split(" ")
            body, trailers = await wire.read_body(reader, fields, until_close=False)
            authority = wire.first(fields, "host") or ""
            step = self.step(Arrival(name, "1.1", method, target, authority, fields, body, trailers))
            if step.delay:
                await asyncio.sleep(step.delay)
            if step.reset:
                return
            head = [*step.fields, ("x-endpoint", name), ("content-length", str(len(step.body)))]
            writer.write(wire.encode_head(f"HTTP/1.1 {step.status} Scripted", head)
                         + (b"" if method == "HEAD" else step.body))
            start = await reader.readexactly(3)

    async def http2(self, name, reader, writer):
        tasks = set()

        async def answer(stream, message):
            fields = [(k, v) for k, v in message.fields if not k.startswith(":")]
            pseudo = dict((k, v) for k, v in message.fields if k.startswith(":"))
            step = self.step(Arrival(name, "2", pseudo.get(":method", ""), pseudo.get(":path", ""),
                                     pseudo.get(":authority", ""), fields, message.body, message.trailers))
            if step.delay:
                await asyncio.sleep(step.delay)
            if step.reset:
                writer.write(wire.frame(wire.RST_STREAM, 0, stream, b"\0\0\0\2"))
                return
            head = [(":status", str(step.status)), *step.fields, ("x-endpoint", name)]
            body = b"" if pseudo.get(":method") == "HEAD" else step.body
            writer.write(wire.message_frames(stream, head, body, step.trailers))

        def ended(stream, message):
            if message.error is None:
                task = asyncio.ensure_future(answer(stream, message))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        await wire.Frames(reader, writer, ended).run()
