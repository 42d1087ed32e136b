"""Sends one request to one proxy and says what came back, over HTTP/1.1 or HTTP/2, plain or TLS."""
import asyncio
import ssl

import wire


class Request:
    """A request, independent of the version that carries it. `fields` have no host and no content-length.

    It comes from 127.0.0.2 unless said otherwise: Envoy takes 127.0.0.1 alone for itself.
    """

    def __init__(self, port, method="GET", target="/", authority="a.test", fields=(), body=b"", http2=False, sni=None,
                 source="127.0.0.2"):
        self.port, self.method, self.target, self.authority = port, method, target, authority
        self.source = source
        self.fields, self.body, self.http2, self.sni = list(fields), body, http2, sni

    def describe(self):
        scheme = "https" if self.sni is not None else "http"
        version = "HTTP/2" if self.http2 else "HTTP/1.1"
        lines = [f"{self.method} {self.target} {version}   (port {self.port}, {scheme}, sni {self.sni!r}, from {self.source})",
                 f"host: {self.authority}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        return "\n".join(lines) + (f"\n\n{len(self.body)} bytes" if self.body else "")


class Answer:
    def __init__(self, status=0, fields=(), body=b"", trailers=(), error=None):
        self.status, self.fields, self.body = status, list(fields), body
        self.trailers, self.error = list(trailers), error


class Channel:
    """A connection to a proxy for requests one after the other."""

    def __init__(self, reader, writer, is_http2):
        self.reader, self.writer, self.is_http2 = reader, writer, is_http2
        self.is_open, self.next_stream, self.waiting, self.task = True, 1, {}, None
        if is_http2:
            writer.write(wire.PREFACE)
            self.frames = wire.Frames(reader, writer, self.ended)
            self.task = asyncio.ensure_future(self.read())

    @classmethod
    async def open(cls, port, http2, sni, trust, source):
        context = None
        if sni is not None:
            context = ssl.create_default_context(cafile=trust)
            context.check_hostname = False
            context.set_alpn_protocols(["h2"] if http2 else ["http/1.1"])
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=(sni or "") if context else None, local_addr=(source, 0))
        return cls(reader, writer, http2)

    def close(self):
        self.is_open = False
        if self.task:
            self.task.cancel()
        wire.abort(self.writer)

    async def send(self, request, extra):
        fields = request.fields + extra
        if self.is_http2:
            return await self.send2(request, fields)
        return await self.send1(request, fields)

    async def send1(self, request, fields):
        head = [("host", request.authority)] + fields
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            head.append(("content-length", str(len(request.body))))
        self.writer.write(
            wire.encode_head(f"{request.method} {request.target} HTTP/1.1", head) + request.body)
        while True:
            block = await self.reader.readuntil(b"\r\n\r\n")
            line, answered = wire.head_lines(block[:-4])
            status = int(line.split(" ")[1])
            if status >= 200:
                break
        has_body = request.method != "HEAD" and status not in (204, 304)
        body, trailers = await wire.read_body(self.reader, answered, True) if has_body else (b"", [])
        if (wire.first(answered, "connection") or "").lower() == "close":
            self.close()
        return Answer(status, answered, body, trailers)

    async def send2(self, request, fields):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        scheme = "https" if request.sni is not None else "http"
        head = [(":method", request.method), (":scheme", scheme), (":authority", request.authority),
                (":path", request.target)] + fields
        future = asyncio.get_running_loop().create_future()
        self.waiting[stream] = future
        self.frames.streams[stream] = wire.Stream()
        self.writer.write(wire.message_frames(stream, head, request.body))
        message = await future
        if self.frames.goaway is not None:
            self.is_open = False
        if message.error and message.fields is None:
            return Answer(error=message.error)
        status = int(wire.first(message.fields, ":status") or 0)
        answered = [(k, v) for k, v in message.fields if not k.startswith(":")]
        return Answer(status, answered, message.body, message.trailers, message.error)

    def ended(self, stream, message):
        future = self.waiting.pop(stream, None)
        if future and not future.done():
            future.set_result(message)

    async def read(self):
        error = None
        try:
            await self.frames.run()
        except (asyncio.IncompleteReadError, OSError, wire.Malformed) as failure:
            error = failure
        self.is_open = False
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(ConnectionError(f"connection closed: {error!r}"))


class Peer:
    """One proxy under test: where its declared ports are bound, and connections to it."""

    def __init__(self, name, ports, trust):
        self.name, self.ports, self.trust, self.channels = name, ports, trust, {}

    def reset(self):
        for channels in self.channels.values():
            for channel in channels:
                channel.close()
        self.channels = {}

    async def send(self, request, case, seconds=10.0):
        key = (request.port, request.http2, request.sni, request.source)
        idle = self.channels.setdefault(key, [])
        channel = None
        while idle and channel is None:
            channel = idle.pop()
            if not channel.is_open or channel.writer.transport.is_closing():
                channel.close()
                channel = None
        try:
            async with asyncio.timeout(seconds):
                if channel is None:
                    channel = await Channel.open(self.ports[request.port], request.http2, request.sni, self.trust,
                                                 request.source)
                answer = await channel.send(request, [("x-case", case)])
        except (OSError, asyncio.IncompleteReadError, wire.Malformed, ssl.SSLError, TimeoutError,
                asyncio.LimitOverrunError) as failure:
            if channel:
                channel.close()
            return Answer(error=type(failure).__name__)
        if channel.is_open:
            idle.append(channel)
        return answer
