"""HTTP/1.1 and HTTP/2 as bytes: just enough to send what a test wants to send and to see what arrived.

HTTP/1.1 messages are read strictly, since a lenient reader would hide differences. HTTP/2 frames are made here; header
blocks are decoded by libnghttp2 (the proxy needs it anyway), and encoded without compression.
"""
import asyncio
import ctypes
import ctypes.util
import struct


class Malformed(Exception):
    pass


# HTTP/1.1


def head_lines(block):
    """First line and (lower-case name, value) pairs of a head without its empty line."""
    lines = block.split(b"\r\n")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Malformed(f"field line {line!r}")
        fields.append((name.decode("latin-1").lower(), value.strip(b" \t").decode("latin-1")))
    return lines[0].decode("latin-1"), fields


def first(fields, name):
    return next((value for key, value in fields if key == name), None)


async def read_body(reader, fields, until_close):
    """The content after a head, and the trailers of a chunked one."""
    coding = first(fields, "transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise Malformed(f"transfer-encoding {coding!r}")
        body = b""
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                block = b""
                while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
                    block += b"\r\n" + line[:-2]
                return body, head_lines(block)[1] if block else []
            body += await reader.readexactly(size)
            if await reader.readexactly(2) != b"\r\n":
                raise Malformed("chunk end")
    length = first(fields, "content-length")
    if length is not None:
        return await reader.readexactly(int(length)), []
    return (await reader.read(-1) if until_close else b""), []


def encode_head(first_line, fields):
    lines = [first_line] + [f"{name}: {value}" for name, value in fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


# HTTP/2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32


class NV(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_uint8)), ("value", ctypes.POINTER(ctypes.c_uint8)),
                ("namelen", ctypes.c_size_t), ("valuelen", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


def _library():
    library = ctypes.CDLL(ctypes.util.find_library("nghttp2") or "libnghttp2.so.14")
    library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
    library.nghttp2_hd_inflate_hd2.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(NV), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p, ctypes.c_size_t,
        ctypes.c_int]
    library.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]
    library.nghttp2_hd_inflate_del.argtypes = [ctypes.c_void_p]
    return library


class Inflater:
    library = None

    def __init__(self):
        if Inflater.library is None:
            Inflater.library = _library()
        self.handle = ctypes.c_void_p()
        if self.library.nghttp2_hd_inflate_new(ctypes.byref(self.handle)) != 0:
            raise MemoryError("inflater")

    def __del__(self):
        if self.handle:
            self.library.nghttp2_hd_inflate_del(self.handle)

    def fields(self, block):
        result, nv, flags = [], NV(), ctypes.c_int()
        while True:
            used = self.library.nghttp2_hd_inflate_hd2(
                self.handle, ctypes.byref(nv), ctypes.byref(flags), block, len(block), 1)
            if used < 0:
                raise Malformed(f"header block: {used}")
            block = block[used:]
            if flags.value & 2:
                result.append((ctypes.string_at(nv.name, nv.namelen).decode("latin-1"),
                               ctypes.string_at(nv.value, nv.valuelen).decode("latin-1")))
            if flags.value & 1:
                self.library.nghttp2_hd_inflate_end_headers(self.handle)
                return result


def deflate(fields):
    """A header block of literals that no table remembers (RFC 7541 §6.2.2)."""
    def text(value):
        raw = value.encode("latin-1")
        if len(raw) < 127:
            return bytes([len(raw)]) + raw
        rest, out = len(raw) - 127, bytearray([127])
        while rest >= 128:
            out.append(rest % 128 + 128)
            rest //= 128
        return bytes(out) + bytes([rest]) + raw
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Stream:
    def __init__(self):
        self.fields, self.body, self.trailers, self.error = None, b"", [], None


class Frames:
    """One HTTP/2 connection's reading side. `on_end(id, stream)` is called for each finished message."""

    def __init__(self, reader, writer, on_end):
        self.reader, self.writer, self.on_end = reader, writer, on_end
        self.inflater, self.streams, self.goaway = Inflater(), {}, None
        # A window that no test fills, so that windows need no bookkeeping (SETTINGS_INITIAL_WINDOW_SIZE).
        self.writer.write(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 26))
                          + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 26)))

    async def run(self):
        pending = None
        while True:
            head = await self.reader.readexactly(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            payload = await self.reader.readexactly(size)
            if kind == SETTINGS and not flags & ACK:
                self.writer.write(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.writer.write(frame(PING, ACK, 0, payload))
            elif kind == GOAWAY:
                self.goaway = int.from_bytes(payload[4:8], "big")
            elif kind == RST_STREAM:
                state = self.streams.pop(stream, None)
                if state:
                    state.error = f"reset {int.from_bytes(payload, 'big')}"
                    self.on_end(stream, state)
            elif kind in (HEADERS, CONTINUATION):
                if kind == HEADERS:
                    if flags & PADDED:
                        payload = payload[1:len(payload) - payload[0]]
                    if flags & PRIORITY:
                        payload = payload[5:]
                    pending = (stream, payload, flags)
                else:
                    pending = (pending[0], pending[1] + payload, pending[2] | flags & END_HEADERS)
                if pending[2] & END_HEADERS:
                    self.headers(stream, self.inflater.fields(pending[1]), pending[2] & END_STREAM)
            elif kind == DATA and stream in self.streams:
                if flags & PADDED:
                    payload = payload[1:len(payload) - payload[0]]
                self.streams[stream].body += payload
                if flags & END_STREAM:
                    self.on_end(stream, self.streams.pop(stream))

    def headers(self, stream, fields, is_end):
        state = self.streams.setdefault(stream, Stream())
        if state.fields is None:
            status = first(fields, ":status")
            if status and status.startswith("1"):
                return
            state.fields = fields
        else:
            state.trailers = fields
        if is_end:
            self.on_end(stream, self.streams.pop(stream))


def message_frames(stream, fields, body, trailers=()):
    """HEADERS, DATA and trailers of one message."""
    out = frame(HEADERS, END_HEADERS | (0 if body or trailers else END_STREAM), stream, deflate(fields))
    for at in range(0, len(body), 16384):
        is_last = at + 16384 >= len(body) and not trailers
        out += frame(DATA, END_STREAM if is_last else 0, stream, body[at:at + 16384])
    if trailers:
        out += frame(HEADERS, END_HEADERS | END_STREAM, stream, deflate(trailers))
    return out


def abort(writer):
    """Closes a connection with RST instead of FIN."""
    transport = writer.transport
    if transport and not transport.is_closing():
        transport.abort()


async def closed(writer):
    writer.close()
    try:
        await writer.wait_closed()
    except (OSError, asyncio.CancelledError):
        return
