"""Requests that a strict HTTP/1.1 front door answers in one way only: sentences of RFC 9110 and RFC 9112 as rows.

A row: says, parts (bytes to send; a number is a pause in seconds), status of the first final answer ("closed": none,
"waits": none yet), and what else must hold:
    seen      requests that reach the origin, at most
    body      content of the first one there
    lacks     text that its head must not hold, in lower case; `holds` the opposite, also `holds_one_of`
    answers   final answers that must come
    closes    whether the connection must end (refused requests: always)
`evil` in a target marks a request that must never arrive.
"""

HOST = b"Host: gw.test\r\n"
GET = b"GET /a HTTP/1.1\r\n" + HOST
POST = b"POST /a HTTP/1.1\r\n" + HOST
EVIL = b"GET /evil HTTP/1.1\r\nHost: gw.test\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
ROWS = []


def row(says, *parts, status, **more):
    ROWS.append({"says": says, "parts": list(parts), "status": status, "seen": 0 if status != 200 else 1, **more})


def refused(says, *parts, status=400, **more):
    row(says, *parts, status=status, **more)


def fine(says, *parts, **more):
    row(says, *parts, status=200, **more)


def octets():
    """RFC 9112 §2.2, §5.1, §5.5: what may stand where."""
    controls = [bytes([b]) for b in range(32) if b not in (9, 10, 13)] + [b"\x7f"]
    for b in controls:
        name = f"{b[0]:#04x}"
        refused(f"{name} in a method", b"G" + b + b"ET /a HTTP/1.1\r\n" + HOST + b"\r\n")
        refused(f"{name} in a target", b"GET /a" + b + b"b HTTP/1.1\r\n" + HOST + b"\r\n")
        refused(f"{name} in a version", b"GET /a HTTP/1.1" + b + b"\r\n" + HOST + b"\r\n")
        refused(f"{name} in a field name", GET + b"X" + b + b"Y: z\r\n\r\n")
        refused(f"{name} in a field value", GET + b"X: y" + b + b"z\r\n\r\n")
        refused(f"{name} at the end of a value", GET + b"X: y" + b + b"\r\n\r\n")
        refused(f"{name} in Host", b"GET /a HTTP/1.1\r\nHost: gw" + b + b".test\r\n\r\n")
        refused(f"{name} before a request", b + GET + b"\r\n")
    for b in b"\"(),/;<=>?@[\\]{} \t" + bytes(range(128, 256, 16)):
        refused(f"{b:#04x} in a field name", GET + b"X" + bytes([b]) + b"Y: z\r\n\r\n")
        if b not in b"\t ":
            refused(f"{b:#04x} in a method", b"G" + bytes([b]) + b"T /a HTTP/1.1\r\n" + HOST + b"\r\n")
    for b in (b"\t", b"\r", b"\n", b"\x80", b"\xc3\xa9", b"\xff"):
        refused(f"{b!r} in a target", b"GET /a" + b + b"b HTTP/1.1\r\n" + HOST + b"\r\n")
    for end in (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\x0b\r\n", b"\r\n\n"):
        refused(f"{end!r} ends no request line", b"GET /a HTTP/1.1" + end + HOST + b"\r\n")
    for end in (b"\n", b"\r", b"\r\r\n"):
        refused(f"{end!r} ends no field line", GET + b"X: y" + end + b"Z: z\r\n\r\n")
    refused("a bare LF ends no head", GET + b"\n")
    refused("two bare LFs end no head", b"GET /a HTTP/1.1\nHost: gw.test\n\n")
    for fold in (b"\r\n ", b"\r\n\t", b"\r\n \t "):
        refused(f"{fold!r} continues no value", GET + b"X: y" + fold + b"z\r\n\r\n")
        refused(f"{fold!r} continues no Host", b"GET /a HTTP/1.1\r\nHost: gw.test" + fold + b"x\r\n\r\n")
    refused("a first line with a blank before it", b"GET /a HTTP/1.1\r\n " + HOST + b"\r\n")
    refused("a line of blanks only", GET + b" \r\n\r\n")
    refused("a line without a colon", GET + b"bad\r\n\r\n")
    refused("a line that is a colon", GET + b":\r\n\r\n")
    refused("a field without a name", GET + b": x\r\n\r\n")
    for blank in (b" ", b"\t", b"\x0b", b"\x0c", b"\xa0"):
        refused(f"{blank!r} between name and colon", GET + b"X" + blank + b": y\r\n\r\n")
    fine("one empty line before a request", b"\r\n" + GET + b"\r\n")
    refused("many empty lines before a request", b"\r\n" * 100 + GET + b"\r\n")
    refused("a bare LF before a request", b"\n" + GET + b"\r\n")
    refused("a blank before a request", b" " + GET + b"\r\n")
    fine("tabs and bytes beyond ASCII in a value", GET + b"X: a\tb \xe9\xff\r\n\r\n")
    fine("an empty value", GET + b"X:\r\nY: \t \r\n\r\n")
    fine("every token character in a name", GET + b"!#$%&'*+-.^_`|~09AZaz: x\r\n\r\n")


def request_lines():
    """RFC 9112 §3."""
    for line in (b"GET  /a HTTP/1.1", b"GET /a  HTTP/1.1", b"GET /a HTTP/1.1 ", b" GET /a HTTP/1.1",
                 b"GET\t/a HTTP/1.1",
                 b"GET /a\tHTTP/1.1", b"GET /a b HTTP/1.1", b"GET /a HTTP/1.1 HTTP/1.1", b"GET /a", b"GET",
                 b"GET HTTP/1.1",
                 b"GET  HTTP/1.1", b"/a HTTP/1.1", b"GET /a HTTP/1.1x", b"GET /a http/1.1", b"GET /a HTTP",
                 b"GET /a HTTP/",
                 b"GET /a HTTP/1", b"GET /a HTTP/1.", b"GET /a HTTP/.1", b"GET /a HTTP/1.1.1", b"GET /a HTTP/1.10",
                 b"GET /a HTTP/01.1", b"GET /a HTTP/1,1", b"GET /a HTTP/+1.1", b"GET /a HTTP/1.-1", b"GET /a HTTP/ 1.1",
                 b"GET /a HTTP /1.1", b"GET /a XTTP/1.1", b"GET /a HTTPS/1.1", b"GET /a HTTP/1.1\0", b"GET a HTTP/1.1",
                 b"GET ?a HTTP/1.1", b"GET #a HTTP/1.1", b"GET /a#b HTTP/1.1", b"GET * HTTP/1.1", b"POST * HTTP/1.1",
                 b"OPTIONS *a HTTP/1.1", b"GET gw.test:80 HTTP/1.1", b"GET gw.test/a HTTP/1.1",
                 b"GET http: HTTP/1.1", b"GET http:/ HTTP/1.1", b"GET http:// HTTP/1.1", b"GET http:///a HTTP/1.1",
                 b"GET http://:80/a HTTP/1.1", b"GET http://u@gw.test/a HTTP/1.1", b"GET http://u:p@gw.test/a HTTP/1.1",
                 b"GET http://gw.test@evil.test/a HTTP/1.1", b"GET http://gw.test:x/a HTTP/1.1",
                 b"GET ftp://gw.test/a HTTP/1.1",
                 b"GET http://gw.test\\a HTTP/1.1", b"GET http://gw.test/a#b HTTP/1.1", b"GET javascript:a HTTP/1.1",
                 b"CONNECT /a HTTP/1.1", b"CONNECT gw.test HTTP/1.1", b"CONNECT http://gw.test:443 HTTP/1.1",
                 b"CONNECT gw.test:443/ HTTP/1.1", b"CONNECT u@gw.test:443 HTTP/1.1", b"CONNECT :443 HTTP/1.1",
                 b"CONNECT gw.test: HTTP/1.1", b"CONNECT * HTTP/1.1"):
        refused(f"request line {line!r}", line + b"\r\n" + HOST + b"\r\n")
    for version in (b"0.9", b"2.0", b"3.0", b"9.9", b"1.2", b"1.9", b"0.0"):
        refused(f"version {version.decode()}", b"GET /a HTTP/" + version + b"\r\n" + HOST + b"\r\n", status=505)
    refused("a preface in the middle", GET + b"\r\n" + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status=200, seen=1,
            closes=True)
    refused("TRACE", b"TRACE /a HTTP/1.1\r\n" + HOST + b"\r\n", status=405)
    refused("a method of 65 letters", b"M" * 65 + b" /a HTTP/1.1\r\n" + HOST + b"\r\n")
    refused("endless methods", b"M" * 100_000)
    fine("an unknown method", b"BREW /a HTTP/1.1\r\n" + HOST + b"\r\n")
    fine("a method in lower case is another method", b"get /a HTTP/1.1\r\n" + HOST + b"\r\n")
    fine("absolute form", b"GET http://gw.test/a?b HTTP/1.1\r\n" + HOST + b"\r\n", holds="get /a?b http/1.1")
    fine("absolute form without path", b"GET http://gw.test HTTP/1.1\r\n" + HOST + b"\r\n", holds="get / http/1.1")
    fine("absolute form with only a query", b"GET http://gw.test?q HTTP/1.1\r\n" + HOST + b"\r\n",
         holds="get /?q http/1.1")
    fine("the scheme is without case", b"GET HTTP://gw.test/a HTTP/1.1\r\n" + HOST + b"\r\n", holds="get /a http/1.1")
    fine("the target's host wins", b"GET http://gw.test/a HTTP/1.1\r\nHost: other.test\r\n\r\n", lacks="other.test")
    fine("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", holds="options * http/1.1")
    fine("OPTIONS in absolute form without path", b"OPTIONS http://gw.test HTTP/1.1\r\n" + HOST + b"\r\n",
         holds="options * http/1.1")
    refused("absolute form without Host", b"GET http://gw.test/a HTTP/1.1\r\n\r\n")
    refused("CONNECT that no route takes", b"CONNECT gw.test:443 HTTP/1.1\r\n" + HOST + b"\r\n", status=404,
            closes=False)


def hosts():
    """RFC 9110 §7.2, RFC 9112 §3.2; RFC 3986 §3.2.2 for the host itself."""
    refused("no Host", b"GET /a HTTP/1.1\r\nX: y\r\n\r\n")
    for second in (b"gw.test", b"other.test", b""):
        refused(f"Host twice, then {second!r}", GET + b"Host: " + second + b"\r\n\r\n")
        refused(f"Host twice in other case, then {second!r}", GET + b"hOST: " + second + b"\r\n\r\n")
    for bad in (b"", b" ", b"gw test", b"gw.test, other.test", b"gw.test other.test", b"gw.test/a", b"u@gw.test",
                b"gw.test#a",
                b"gw.test?a", b"gw.test:abc", b"gw.test:80a", b"gw.test:-1", b"gw.test:+80", b"gw.test:65536",
                b"gw.test:99999",
                b"gw.test:123456", b"gw.test:80:80", b"gw.test:", b":80", b":", b"gw\xe9.test", b"gw.test\\a",
                b"[::1", b"::1]",
                b"::1", b"[]", b"[:]", b"[:::]", b"[1:2:3:4:5:6:7]", b"[1:2:3:4:5:6:7:8:9]", b"[1::2::3]",
                b"[12345::]", b"[g::]",
                b"[::1.2.3]", b"[::1.2.3.256]", b"[::1%25eth0]", b"[::1]x", b"[::1]:x", b"\"gw.test\"", b"gw.test;a",
                b"<gw>",
                b"gw.test|a", b"gw%2etest", b"http://gw.test", b"*", b"gw.test\t80",
                b"a" * 600):
        refused(f"Host: {bad[:40]!r}", b"GET /a HTTP/1.1\r\nHost: " + bad + b"\r\n\r\n")
    for good in (b"gw.test:80", b"GW.TEST", b"gw.test.", b"127.0.0.1", b"127.0.0.1:65535", b"[::1]", b"[::1]:80",
                 b"[1:2:3:4:5:6:7:8]",
                 b"[::ffff:1.2.3.4]", b"[1::]", b"[::]", b"a-b_c.test", b"xn--bcher-kva.test"):
        fine(f"Host: {good.decode()}", b"GET /a HTTP/1.1\r\nHost:" + good + b" \r\n\r\n")


def lengths():
    """RFC 9110 §8.6, RFC 9112 §6.2, §6.3."""
    for bad in (b"", b" ", b"+5", b"-5", b"-0", b"5 5", b"5, 5", b"5,", b",5", b"5,6", b"0x5", b"5.0", b"5e0", b"1_0",
                b"\"5\"", b"five",
                b"5;", b"5\x0b", b"\xb2", b"\xd9\xa5", b"9223372036854775808", b"18446744073709551616",
                b"18446744073709551621",
                b"9" * 30, b"9" * 400, b"5 ;a", b"0 5", b"NaN", b"Infinity", b"5h"):
        refused(f"Content-Length: {bad[:24]!r}", POST + b"Content-Length: " + bad + b"\r\n\r\nhello" + EVIL)
    for first, second in ((b"5", b"5"), (b"5", b"6"), (b"0", b"44"), (b"44", b"0"), (b"5", b"")):
        refused(f"Content-Length {first!r} and {second!r}",
                POST + b"Content-Length: " + first + b"\r\ncontent-length: " + second + b"\r\n\r\n" + EVIL)
    for name in (b"Content-Length ", b"Content-Length\t", b" Content-Length", b"\tContent-Length"):
        refused(f"{name!r}", POST + name + b": 5\r\n\r\nhello")
    fine("a length with zeros in front", POST + b"Content-Length: 005\r\n\r\nhello", body="hello")
    fine("a length without blank", POST + b"Content-Length:5\r\n\r\nhello", body="hello")
    fine("a length of zero", POST + b"Content-Length: 0\r\n\r\n", body="")
    fine("content of a GET", GET + b"Content-Length: 5\r\n\r\nhello", body="hello")
    fine("a nominated length still counts", POST + b"Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
         body="hello")
    fine("nothing means no content", POST + b"\r\n" + GET.replace(b"/a", b"/b") + b"\r\n", seen=2, answers=2)
    row("content that does not come", POST + b"Content-Length: 5\r\n\r\nhel", status="waits", seen=1)
    row("a huge length is only a promise", POST + b"Content-Length: 9223372036854775807\r\n\r\nx", status="waits",
        seen=1)


def codings():
    """RFC 9112 §6.1, §6.3, §7."""
    both = b"Content-Length: 46\r\n"
    rest = b"0\r\n\r\n" + EVIL
    for value, status in ((b"chunked", 400), (b"Chunked", 400), (b"\tchunked", 400), (b"chunked ", 400), (b"x", 400),
                          (b"identity", 400)):
        refused(f"length and then Transfer-Encoding: {value!r}", POST + both + b"Transfer-Encoding: " + value
                + b"\r\n\r\n" + rest, status=status)
        refused(f"Transfer-Encoding: {value!r} and then length", POST + b"Transfer-Encoding: " + value + b"\r\n"
                + both + b"\r\n" + rest, status=status)
    for value in (b"", b" ", b",", b"chunked,", b",chunked", b"chunked, chunked", b"chunked,identity", b"identity",
                  b"gzip", b"x", b"chunked;q=1",
                  b"chunked x", b"xchunked", b"chunkedx", b"'chunked'", b"\"chunked\"", b"chunked\xa0",
                  b"chunked, gzip", b"cow", b"[chunked]"):
        refused(f"Transfer-Encoding: {value!r}", POST + b"Transfer-Encoding: " + value + b"\r\n\r\n" + rest,
                status=501 if value in (b",chunked", b"chunked, chunked") else 501 if value == b"chunked," else 400)
    for value in (b"gzip, chunked", b"identity, chunked", b"x,chunked", b"gzip , deflate , chunked"):
        refused(f"Transfer-Encoding: {value!r}", POST + b"Transfer-Encoding: " + value + b"\r\n\r\n" + rest, status=501)
    for byte in (b"\x00", b"\x0b", b"\x0c", b"\x1f", b"\x7f"):
        refused(f"chunked and {byte!r}", POST + b"Transfer-Encoding: chunked" + byte + b"\r\n\r\n" + rest)
        refused(f"{byte!r} and chunked", POST + b"Transfer-Encoding: " + byte + b"chunked\r\n\r\n" + rest)
    for second in (b"chunked", b"x", b"identity", b"gzip"):
        refused(f"two codings, then {second!r}", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: " + second
                + b"\r\n\r\n" + rest)
    refused("two codings, chunked last", POST + b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n" + rest)
    for name in (b"Transfer-Encoding ", b"Transfer-Encoding\t", b" Transfer-Encoding", b"Transfer\x01-Encoding",
                 b"Transfer-Encoding\xa0"):
        refused(f"{name!r}", POST + both + name + b": chunked\r\n\r\n" + rest)
    refused("chunked in HTTP/1.0", b"POST /a HTTP/1.0\r\n" + HOST
            + b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + rest)
    refused("a CONNECT with content", b"CONNECT gw.test:443 HTTP/1.1\r\n" + HOST + b"Content-Length: 44\r\n\r\n" + EVIL)
    refused("a nominated coding still counts", POST + both
            + b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n" + rest)
    fine("names like these are other fields", POST
         + b"Transfer_Encoding: chunked\r\nContent_Length: 9\r\nContent-Length: 5\r\n\r\nhello", body="hello")


def chunks():
    """RFC 9112 §7.1. The head has gone on by then, so the origin may see the beginning of the request."""
    for size in (b"", b" 5", b"5 ", b"\t5", b"+5", b"-5", b"0x5", b"5h", b"g", b"5_0", b"5.0", b"5,", b"\"5\"",
                 b"\xb2", b"10000000000000005",
                 b"8000000000000005", b"f" * 16, b"F" * 40, b"0" * 64 + b"5", b"5\x00", b"5\r", b"\r"):
        refused(f"chunk size {size!r}", CHUNKED + size + b"\r\nhello\r\n0\r\n\r\n" + EVIL, seen=1)
    for end in (b"\n", b"\r", b"\r\r\n", b"\x00\r\n", b"XX", b"X\r\n", b"\n\r"):
        refused(f"{end!r} behind chunk data", CHUNKED + b"5\r\nhello" + end + b"0\r\n\r\n" + EVIL, seen=1)
        if end != b"XX":
            refused(f"{end!r} behind a chunk size", CHUNKED + b"5" + end + b"hello\r\n0\r\n\r\n" + EVIL, seen=1)
    for extension in (b";a\n", b";\n", b";a=b\n", b";a\x00", b";a\x01b", b";a\rb", b";a\x7f", b";" + b"a" * 70_000):
        refused(f"chunk extension {extension[:8]!r}", CHUNKED + b"5" + extension + b"\r\nhello\r\n0\r\n\r\n" + EVIL,
                seen=1)
    refused("many chunk extensions", CHUNKED + (b"1;" + b"a" * 900 + b"\r\nx\r\n") * 100 + b"0\r\n\r\n", seen=1)
    for extension in (b";a", b";a=b", b";a=\"b;c\"", b";", b";a;b=c", b";a\t=b"):
        fine(f"chunk extension {extension!r}", CHUNKED + b"5" + extension + b"\r\nhello\r\n0\r\n\r\n", body="hello")
    for last in (b"0\n\n", b"0\r\n\n", b"0\n\r\n", b"00x\r\n\r\n"):
        refused(f"last chunk {last!r}", CHUNKED + b"5\r\nhello\r\n" + last, seen=1)
    for trailer in (b"bad\r\n", b"X : y\r\n", b" X: y\r\n", b"X: y\n", b": y\r\n", b"X: \x00\r\n", b"X: a\r\n b\r\n",
                    b"X\x01: y\r\n"):
        refused(f"trailer {trailer!r}", CHUNKED + b"0\r\n" + trailer + b"\r\n" + EVIL, seen=1)
    refused("a thousand trailers", CHUNKED + b"0\r\n" + b"X: y\r\n" * 1000 + b"\r\n", seen=1, status=431)
    refused("a long trailer", CHUNKED + b"0\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", seen=1, status=431)
    fine("digits in either case", CHUNKED + b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n",
         body="01234567890123456789a")
    fine("zeros in front of a size", CHUNKED + b"00005\r\nhello\r\n000\r\n\r\n", body="hello")
    fine("thousands of small chunks", CHUNKED + b"1\r\nx\r\n" * 4000 + b"0\r\n\r\n", body="x" * 4000)
    fine("chunks in small pieces", CHUNKED, 0.05, b"5", 0.05, b"\r", 0.05, b"\nhel", 0.05, b"lo\r", 0.05,
         b"\n0\r\n\r", 0.05, b"\n", body="hello")
    fine("trailers", CHUNKED + b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", body="hello")
    for name in (b"Content-Length: 44", b"Host: other.test", b"Authorization: x", b"Cookie: a", b"Set-Cookie: a",
                 b"TE: x", b"Expect: x",
                 b"X-Forwarded-For: 1.1.1.1", b"Content-Type: x", b"Cache-Control: x", b"Trailer: x", b"Upgrade: x",
                 b"Connection: x"):
        fine(f"trailer {name!r} goes no further", CHUNKED + b"0\r\n" + name + b"\r\n\r\n",
             no_trailer=name.split(b":")[0].decode().lower())
    row("no end of the last chunk", CHUNKED + b"5\r\nhello\r\n0\r\n", status="waits", seen=1)


def connections():
    """RFC 9110 §7.6.1, §7.8, §10.1; RFC 9112 §9."""
    for name in (b"X-Secret", b"x-SECRET", b"a , X-Secret ,b"):
        fine(f"nominated by {name!r}", GET + b"Connection: " + name + b"\r\nX-Secret: 1\r\n\r\n", lacks="x-secret")
    fine("several Connection fields", GET + b"Connection: a\r\nConnection: X-Secret\r\nX-Secret: 1\r\n\r\n",
         lacks="x-secret")
    for field in (b"Keep-Alive: timeout=9", b"Proxy-Connection: keep-alive", b"TE: gzip", b"Proxy: http://evil.test",
                  b"HTTP2-Settings: AAM",
                  b"Upgrade: h2c", b"Upgrade: foo", b"Upgrade: websocket"):
        fine(f"{field!r} goes no further", GET + field + b"\r\n\r\n", lacks=field.decode().lower())
    fine("TE: trailers goes on", GET + b"TE: gzip, trailers\r\nConnection: te\r\n\r\n", holds="te: trailers",
         lacks="gzip")
    fine("an upgrade to h2c is ignored", GET
         + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n", lacks="h2c")
    fine("an upgrade hidden behind another is ignored",
         GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n", lacks="h2c")
    fine("an unknown upgrade is ignored", GET + b"Connection: upgrade\r\nUpgrade: foo/2\r\n\r\n", lacks="upgrade")
    fine("an upgrade with content is ignored",
         b"POST /upgrade HTTP/1.1\r\n" + HOST
         + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: %d\r\n\r\n" % len(EVIL) + EVIL,
         lacks="upgrade: ")
    fine("an upgrade with chunks is ignored",
         b"POST /upgrade HTTP/1.1\r\n" + HOST
         + b"Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(EVIL) + EVIL
         + b"\r\n0\r\n\r\n", lacks="upgrade: ")
    fine("what follows an upgrade that is refused is a request",
         GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + GET.replace(b"/a", b"/b") + b"\r\n", seen=2,
         answers=2)
    fine("nothing is served behind close", GET + b"Connection: close\r\n\r\n" + EVIL, closes=True)
    fine("close in a list", GET + b"Connection: keep-alive, Close\r\n\r\n" + EVIL, closes=True)
    fine("pipelined requests", b"".join(GET.replace(b"/a", b"/%d" % i) + b"\r\n" for i in range(20)), seen=20,
         answers=20)
    refused("nothing is served behind a malformed request", GET + b"bad\r\n\r\n" + EVIL)
    fine("a pipelined malformed request", GET + b"\r\n" + GET + b"bad\r\n\r\n" + EVIL, closes=True)
    fine("Expect: 100-continue", POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 0.2, b"hello",
         body="hello", interim=100)
    fine("Expect: 100-continue twice", POST + b"Expect: 100-continue, 100-Continue\r\nContent-Length: 5\r\n\r\n", 0.2,
         b"hello", body="hello")
    fine("Expect without content", GET + b"Expect: 100-continue\r\n\r\n", lacks="\r\nexpect:")
    refused("another expectation", POST + b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", status=417)
    row("Max-Forwards ends here", b"OPTIONS /a HTTP/1.1\r\n" + HOST + b"Max-Forwards: 0\r\n\r\n", status=200, seen=0)
    fine("Max-Forwards is counted down", b"OPTIONS /a HTTP/1.1\r\n" + HOST + b"Max-Forwards: 7\r\n\r\n",
         holds_one_of=("max-forwards: 6", "max-forwards: 5"))


def limits():
    fine("a value of 4 KiB", GET + b"X: " + b"a" * 4096 + b"\r\n\r\n")
    fine("a target of 8 KiB", b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    fine("100 fields", GET + b"X: y\r\n" * 100 + b"\r\n")
    refused("2,000 fields", GET + b"X: y\r\n" * 2000 + b"\r\n", status=431)
    refused("a value of 1 MiB", GET + b"X: " + b"a" * (1 << 20) + b"\r\n\r\n", status=431)
    refused("a name of 64 KiB", GET + b"a" * 65536 + b": x\r\n\r\n", status=431)
    refused("a target of 100 KiB", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", status=431)
    refused("a head without end", GET + b"X: " + b"a" * 300_000, status=431)


for category in (octets, request_lines, hosts, lengths, codings, chunks, connections, limits):
    start = len(ROWS)
    category()
    for item in ROWS[start:]:
        item["category"] = category.__name__
