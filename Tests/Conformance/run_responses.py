#!/usr/bin/env python3
"""Asks a listener for every answer of response_rows.py, played by recorder.py, and judges what the client sees.

After each one, six clients ask for something else over the same upstream pool: none may get a piece of the answer.
usage: run_responses.py PORT [--only TEXT] [-v]
"""
import argparse
import re
import socket
import sys
import time

sys.dont_write_bytecode = True
from response_rows import ROWS  # noqa: E402


def ask(port, target, method="GET", seconds=5.0, more=0.0):
    """All bytes that come; whether the final answer is whole; whether the connection ended. Waits `more` seconds for
    what may follow an answer."""
    data, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(f"{method} {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n".encode())
        deadline = time.monotonic() + seconds
        grace = None
        while not closed and (left := (grace or deadline) - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                piece = sock.recv(65536)
            except TimeoutError:
                break
            except OSError:
                piece = b""
            closed = not piece
            data += piece
            if grace is None and is_whole(data, method, False):
                grace = time.monotonic() + more
    return data, is_whole(data, method, closed), closed


def final(data):
    while True:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return None, b""
        head, data = data[:end], data[end + 4:]
        match = re.match(rb"HTTP/1\.1 (\d{3})", head)
        if not match:
            return None, b""
        if int(match[1]) >= 200 or int(match[1]) == 101:
            return head, data


def is_whole(data, method, closed):
    head, body = final(data)
    if head is None:
        return False
    low = head.lower()
    if method == "HEAD" or low[9:12] in (b"204", b"304"):
        return True
    if b"\r\ntransfer-encoding: chunked" in low:
        return re.search(rb"(^|\r\n)0\r\n([^\r\n]+\r\n)*\r\n$", body) is not None
    if length := re.search(rb"\r\ncontent-length: *(\d+)", low):
        return len(body) >= int(length[1])
    return closed


def judge(row, data, whole, closed):
    head, _ = final(data)
    status = int(head[9:12]) if head else 0
    got = "cut" if not whole and closed else "waits" if not whole else "pass" if status < 400 else status
    wrong = [] if got in row["right"] else [f"the client sees {got}, not {row['right']}"]
    if row.get("absent") and row["absent"].encode("latin1") in data.lower():
        wrong.append(f"the client sees {row['absent']!r}")
    return wrong


def run(port, only="", say=print, verbose=False, followers=6):
    """The number of rows that failed, and of all."""
    rows = [r for r in ROWS if only in r["name"]]
    failed = 0
    for row in rows:
        wrong = judge(row, *ask(port, f"/row/{row['name']}", row.get("method", "GET"),
                                more=0.2 if "absent" in row else 0.0))
        for number in range(followers):
            target = f"/follower-{number}-{row['name']}"
            data, whole, _ = ask(port, target)
            if not whole or f'"target": "{target}"'.encode() not in data:
                wrong.append(f"a follower got {data[:60]!r}")
                break
        failed += bool(wrong)
        if wrong or verbose:
            say(f"{'FAIL' if wrong else 'ok  '} {row['name']}: {'; '.join(wrong)}")
    return failed, len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    failed, count = run(options.port, options.only, verbose=options.v)
    print(f"{count} answers: {count - failed} as they should be, {failed} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
