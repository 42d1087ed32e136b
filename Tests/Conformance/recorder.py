#!/usr/bin/env python3
"""A recording origin. usage: recorder.py PORT CONTROL_PORT

It reads requests as strictly as RFC 9112 allows and records each with its raw bytes, so that anything ambiguous a proxy
lets through shows up as `malformed`. What it answers depends on the target:

    /row/NAME        the raw bytes of a row of response_rows.py
    /scripted/NAME   those of a case of the JSON file that RESPONSES names
    /upgrade         a request for Upgrade gets 101 and an echo
    /refuse          417 before the content when the request expects 100-continue
    /page, /events   text to compress: at once with an ETag; in three pieces, each when the client asked for it
    anything else    200 with a JSON description of the request

Control (HTTP): GET /log returns the records since the last GET /reset.
"""
import asyncio
import itertools
import json
import os
import re
import sys

sys.dont_write_bytecode = True
from response_rows import ROWS  # noqa: E402

HEAD_MAX = 4 << 20
PAGE = b"<p>The same words again and again compress well.</p>\n" * 200
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def load_scripts():
    scripts = {f"/row/{row['name']}": row for row in ROWS}
    if path := os.environ.get("RESPONSES"):
        with open(path) as f:
            scripts.update({f"/scripted/{case['name']}": case for case in json.load(f)})
    return scripts


class Malformed(Exception):
    pass


class Source:
    def __init__(self, reader):
        self.reader, self.buffer = reader, b""

    async def more(self):
        data = await self.reader.read(65536)
        if not data:
            raise EOFError
        self.buffer += data

    async def until(self, mark):
        while mark not in self.buffer:
            if len(self.buffer) > HEAD_MAX:
                raise Malformed("too long")
            await self.more()
        end = self.buffer.index(mark) + len(mark)
        out, self.buffer = self.buffer[:end], self.buffer[end:]
        return out

    async def exactly(self, count):
        while len(self.buffer) < count:
            await self.more()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out


def parse_fields(lines):
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name):
            raise Malformed(f"field line {line[:60]!r}")
        value = value.strip(b" \t")
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise Malformed(f"control character in {line[:60]!r}")
        fields.append((name.lower(), value))
    return fields


def framing(fields):
    """`chunked`, a length, or 0; whatever could be read in two ways is malformed."""
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
    if codings and lengths:
        raise Malformed("both Content-Length and Transfer-Encoding")
    if len(codings) > 1 or (codings and codings[0].lower() != b"chunked"):
        raise Malformed(f"Transfer-Encoding {codings!r}")
    if len(lengths) > 1 or (lengths and not re.fullmatch(rb"[0-9]+", lengths[0])):
        raise Malformed(f"Content-Length {lengths!r}")
    return "chunked" if codings else int(lengths[0]) if lengths else 0


async def read_chunked(source, record):
    body = b""
    while True:
        line = await source.until(b"\n")
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}\r\n", line):
            raise Malformed(f"chunk size line {line[:40]!r}")
        size = int(line, 16)
        if size == 0:
            break
        body += await source.exactly(size)
        if await source.exactly(2) != b"\r\n":
            raise Malformed("chunk data without CRLF behind it")
    trailers = []
    while (line := await source.until(b"\n")) != b"\r\n":
        if not line.endswith(b"\r\n"):
            raise Malformed("bare LF in trailers")
        trailers.append(line[:-2])
    parse_fields(trailers)
    if trailers:
        record["trailers"] = b"\r\n".join(trailers).decode("latin1")
    return body


class Origin:
    def __init__(self):
        self.records, self.connections, self.scripts = [], itertools.count(1), load_scripts()

    async def serve(self, reader, writer):
        source, number = Source(reader), next(self.connections)
        try:
            while await self.one(source, writer, number):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def one(self, source, writer, number):
        """Reads and answers one request; false when the connection is over."""
        try:
            head = await source.until(b"\r\n\r\n")
        except EOFError:
            if source.buffer:
                self.records.append({"conn": number, "malformed": "eof in head",
                                     "head": source.buffer.decode("latin1")})
            return False
        record = {"conn": number, "head": head.decode("latin1"), "body": "", "malformed": None}
        self.records.append(record)
        try:
            lines = head[:-4].split(b"\r\n")
            if any(b"\n" in line or b"\r" in line for line in lines):
                raise Malformed("bare CR or LF in the head")
            words = lines[0].split(b" ")
            if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
                raise Malformed(f"request line {lines[0][:60]!r}")
            fields = parse_fields(lines[1:])
            if [name for name, _ in fields].count(b"host") != 1:
                raise Malformed("not exactly one Host")
            length = framing(fields)
            if any(name == b"expect" for name, _ in fields):
                if words[1] == b"/refuse":
                    writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    await writer.drain()
                    return False
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await read_chunked(source, record) if length == "chunked" else await source.exactly(length)
        except EOFError:
            record["malformed"] = "eof in body"
            return False
        except Malformed as reason:
            record["malformed"] = str(reason)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return False
        record["body"], record["body_len"] = body.decode("latin1")[:4096], len(body)
        return await self.answer(source, writer, words, fields, record)

    async def answer(self, source, writer, words, fields, record):
        target = words[1].decode("latin1")
        if target in self.scripts:
            return await self.play(self.scripts[target], source, writer)
        if target.startswith("/page"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nETag: \"1\"\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
            return True
        if target.startswith("/events"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(3):
                writer.write(b"7\r\nevent %d\r\n" % number)
                await writer.drain()
                await asyncio.sleep(0.3)
            writer.write(b"0\r\n\r\n")
            return True
        upgrade = [value for name, value in fields if name == b"upgrade"]
        if upgrade and target.startswith("/upgrade"):
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n" % upgrade[0])
            writer.write(source.buffer)
            while data := await source.reader.read(65536):
                writer.write(data)
                await writer.drain()
            return False
        text = json.dumps({
            "origin": 1, "n": len(self.records), "method": words[0].decode("latin1"), "target": target,
            "body_len": record["body_len"],
            "fields": [[name.decode("latin1"), value.decode("latin1")] for name, value in fields]}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text))
        if words[0] != b"HEAD":
            writer.write(text)
        await writer.drain()
        connection = b",".join(value.lower() for name, value in fields if name == b"connection")
        return b"close" not in connection and (words[2] == b"HTTP/1.1" or b"keep-alive" in connection)

    @staticmethod
    async def play(case, source, writer):
        for part in case["raw"]:
            if isinstance(part, str):
                writer.write(part.encode("latin1"))
            elif "pause" in part:
                await writer.drain()
                await asyncio.sleep(part["pause"])
            else:
                writer.write(part["rep"].encode("latin1") * part["n"])
        await writer.drain()
        return not case["close"]

    async def control(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        text = json.dumps(self.records).encode()
        if head.startswith(b"GET /reset "):
            self.records.clear()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(text) + text)
        await writer.drain()
        writer.close()


async def main():
    origin = Origin()
    servers = [await asyncio.start_server(origin.serve, "127.0.0.1", int(sys.argv[1]), backlog=1024, limit=1 << 20),
               await asyncio.start_server(origin.control, "127.0.0.1", int(sys.argv[2]))]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
