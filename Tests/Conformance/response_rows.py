"""Answers of a hostile or broken upstream, and what the client of a gateway may be shown.

A row: raw (strings; {"rep", "n"}; {"pause"}), whether the upstream closes, and the outcomes that are right:
    pass    the answer arrives whole
    502     (or another number) the gateway answers for the upstream
    cut     the client can see that the answer is not whole
`absent` must not reach the client. The recorder plays the rows under /row/NAME.
"""
import json
import sys

OK = "HTTP/1.1 200 OK\r\n"
ROWS = []


def row(name, *raw, right, close=True, **more):
    ROWS.append({"name": name, "raw": list(raw), "close": close, "right": right, **more})


def status_lines():
    lines = ("HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 +20 OK",
             "HTTP/1.1 000 OK",
             "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 999 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK",
             "HTTP/1.1200 OK",
             "HTTP/1.1 200OK", "HTTP/1.1", "HTTP/1.1 ", "HTTP/2.0 200 OK", "HTTP/1.2 200 OK", "HTTP/0.9 200 OK",
             "HTTP/11 200 OK",
             "HTTX/1.1 200 OK", "http/1.1 200 OK", " HTTP/1.1 200 OK", "ICY 200 OK", "200 OK", "HTTP/1.1 200 O\0K",
             "HTTP/1.1 200 O\rK",
             "HTTP/1.1 200 O\x01K")
    for number, line in enumerate(lines):
        row(f"status-line-{number}", f"{line}\r\nContent-Length: 2\r\n\r\nhi", right=[502])
    row("status-lf", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nhi", right=[502])
    row("status-all-lf", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", right=[502])
    row("status-no-reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", right=["pass"], close=False)
    row("status-empty-reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", right=["pass"], close=False)
    row("html", "<html>hi</html>", right=[502])
    row("nothing", "", right=[503])
    row("half-a-line", "HTTP/1.1 2", right=[503])
    row("half-a-head", OK + "Content-Le", right=[503])
    row("empty-line-first", "\r\n" + OK + "Content-Length: 2\r\n\r\nhi", right=[502])
    row("version-1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", right=["pass"])


def lengths():
    for number, value in enumerate(("", " ", "-2", "+2", "2x", "0x2", "2.0", "2,", ",2", "2, 4", "2 4",
                                    "18446744073709551618", "9" * 40, "\"2\"")):
        row(f"length-{number}", OK + f"Content-Length: {value}\r\n\r\nhi", right=[502])
    row("length-twice-differing", OK + "Content-Length: 2\r\nContent-Length: 4\r\n\r\nhiXX", right=[502])
    row("length-twice", OK + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", right=[502])
    row("length-and-chunked", OK + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        right=[502])
    row("chunked-and-length", OK + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        right=[502])
    row("length-too-long", OK + "Content-Length: 100\r\n\r\nhi", right=["cut"])
    row("length-zero", OK + "Content-Length: 0\r\n\r\n", right=["pass"], close=False)
    row("until-close", OK + "X: y\r\n\r\nhi", right=["pass"])
    row("until-close-1.0", "HTTP/1.0 200 OK\r\n\r\nhi", right=["pass"])


def chunks():
    start = OK + "Transfer-Encoding: chunked\r\n\r\n"
    for number, line in enumerate(("zz", "0x2", "-2", "+2", " 2", "2 ", "2_0", "10000000000000002", "f" * 40,
                                   "2;a\x00", "2;" + "a" * 70_000, "")):
        row(f"chunk-size-{number}", start + f"{line}\r\nhi\r\n0\r\n\r\n", right=["cut"])
    row("chunk-lf", start + "2\nhi\r\n0\r\n\r\n", right=["cut"])
    row("chunk-data-lf", start + "2\r\nhi\n0\r\n\r\n", right=["cut"])
    row("chunk-too-long", start + "2\r\nhiXX0\r\n\r\n", right=["cut"])
    row("chunk-no-last", start + "2\r\nhi\r\n", right=["cut"])
    row("chunk-cut-in-data", start + "20\r\nhi", right=["cut"])
    row("chunk-cut-in-size", start + "2\r\nhi\r\n2", right=["cut"])
    row("chunk-cut-in-trailers", start + "2\r\nhi\r\n0\r\nX: y\r\n", right=["cut"])
    row("chunk-bad-trailer", start + "2\r\nhi\r\n0\r\nbad\r\n\r\n", right=["cut"], absent="bad")
    row("chunk-forbidden-trailer", start + "2\r\nhi\r\n0\r\nSet-Cookie: evil=1\r\n\r\n", right=["pass"], close=False,
        absent="evil")
    row("chunk-extension", start + "2;a=b\r\nhi\r\n0\r\n\r\n", right=["pass"], close=False, absent="a=b")
    row("chunk-trailer", start + "2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n", right=["pass"], close=False)
    for number, value in enumerate(("foo", "identity", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked",
                                    "", "chunked,", "xchunked", "\x0bchunked")):
        row(f"coding-{number}", OK + f"Transfer-Encoding: {value}\r\n\r\n2\r\nhi\r\n0\r\n\r\n", right=[502])
    row("coding-twice", OK + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        right=[502])
    row("coding-1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", right=[502])


def fields():
    end = "Content-Length: 2\r\n\r\nhi"
    for number, line in enumerate(("X: a\0b", "X: a\rSet-Cookie: evil=1", "X: a\nSet-Cookie: evil=1", "X: a\x01",
                                   "X: a\x7f", "bad header", ": a", "X(y: a",
                                   "X : a", "X\t: a", " X: a", "X: a\r\n b", "X\0: a", "X\xe9: a", "")):
        if line:
            row(f"field-{number}", OK + line + "\r\n" + end, right=[502], absent="evil")
    row("field-1m", OK + "X: ", {"rep": "a", "n": 1 << 20}, "\r\n" + end, right=[502])
    row("fields-5000", OK, {"rep": "X: y\r\n", "n": 5000}, end, right=[502])
    row("head-without-end", OK, {"rep": "X: y\r\n", "n": 100_000}, right=[502])
    row("field-beyond-ascii", OK + "X: a\xe9\xff\r\n" + end, right=["pass"], close=False)
    row("connection-nominates", OK + "Connection: X-Foo\r\nX-Foo: secret\r\n" + end, right=["pass"], close=False,
        absent="secret")
    row("keep-alive", OK + "Keep-Alive: timeout=99\r\n" + end, right=["pass"], close=False, absent="timeout=99")
    row("proxy-connection", OK + "Proxy-Connection: x-evil\r\n" + end, right=["pass"], close=False, absent="x-evil")
    row("upgrade-offered", OK + "Upgrade: h2c\r\nConnection: upgrade\r\n" + end, right=["pass"], close=False,
        absent="h2c")


def interim():
    after = OK + "Content-Length: 2\r\n\r\nhi"
    row("100-first", "HTTP/1.1 100 Continue\r\n\r\n" + after, right=["pass"], close=False)
    row("103-first", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + after, right=["pass"], close=False)
    row("103-ten-times", {"rep": "HTTP/1.1 103 Early Hints\r\n\r\n", "n": 10}, after, right=["pass"], close=False)
    row("103-flood", {"rep": "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", "n": 5000}, after, right=[502])
    row("100-flood", {"rep": "HTTP/1.1 100 Continue\r\n\r\n", "n": 5000}, after, right=[502])
    row("103-with-length", "HTTP/1.1 103 Early Hints\r\nContent-Length: 2\r\n\r\nhi" + after, right=[502])
    row("103-chunked", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + after, right=[502])
    row("103-then-nothing", "HTTP/1.1 103 Early Hints\r\n\r\n", right=[503])
    row("101-unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n" + OK
        + "X-Evil: 1\r\n\r\n", right=[502], absent="x-evil")
    row("199", "HTTP/1.1 199 What\r\n\r\n" + after, right=["pass"], close=False)


def without_content():
    evil = OK + "X-Evil: 1\r\nContent-Length: 4\r\n\r\nevil"
    row("204-length", "HTTP/1.1 204 No Content\r\nContent-Length: 40\r\n\r\n" + evil, right=["pass"], close=False,
        absent="evil")
    row("204-chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        right=["pass"], close=False, absent="evil")
    row("304-length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 40\r\n\r\n", right=["pass"], close=False)
    row("304-content", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil", right=["pass"], close=False,
        absent="evil")
    row("head-content", OK + "Content-Length: 4\r\n\r\nevil", right=["pass"], close=False, method="HEAD", absent="evil")
    row("head-chunked", OK + "Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n", right=["pass"], close=False,
        method="HEAD", absent="evil")
    row("second-answer", OK + "Content-Length: 2\r\n\r\nhi" + evil, right=["pass"], close=False, absent="evil")
    row("second-answer-later", OK + "Content-Length: 2\r\n\r\nhi", {"pause": 0.1}, evil, right=["pass"], close=False,
        absent="evil")
    row("bytes-behind", OK + "Content-Length: 2\r\n\r\nhiJUNK", right=["pass"], close=False, absent="junk")
    row("bytes-behind-chunks", OK + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nJUNK", right=["pass"],
        close=False, absent="junk")
    row("empty-line-behind", OK + "Content-Length: 2\r\n\r\nhi\r\n", right=["pass"], close=False)


for category in (status_lines, lengths, chunks, fields, interim, without_content):
    category()

if __name__ == "__main__":
    json.dump(ROWS, sys.stdout)
