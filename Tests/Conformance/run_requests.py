#!/usr/bin/env python3
"""Sends the rows of request_rows.py to a listener with recorder.py behind it and judges answers and what arrived.

usage: run_requests.py PORT CONTROL_PORT [--only TEXT] [-v]
"""
import argparse
import json
import re
import socket
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
from request_rows import ROWS  # noqa: E402

PATIENCE = 3.0


class Answer:
    def __init__(self, status, head, body, is_whole):
        self.status, self.head, self.body, self.is_whole = status, head, body, is_whole


def parse(data, methods):
    """Complete answers at the front of `data`; interim ones are marked by their status."""
    answers, at, number = [], 0, 0
    while (end := data.find(b"\r\n\r\n", at)) >= 0:
        head = data[at:end]
        match = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        if not match:
            answers.append(Answer(0, head, b"", True))
            break
        status, at = int(match[1]), end + 4
        if status < 200:
            answers.append(Answer(status, head, b"", True))
            continue
        method = methods[number] if number < len(methods) else b"GET"
        number += 1
        length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
        count = 0 if method == b"HEAD" or status in (204, 304) else int(length[1]) if length else 0
        body = data[at:at + count]
        answers.append(Answer(status, head, body, len(body) == count))
        at += count
    return answers


def exchange(port, parts, wanted, expects_close):
    """Everything that comes back, and whether the connection ended."""
    data, closed = b"", False
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    methods = re.findall(rb"(?:^|\n)([!-~]+) [^ ]+ HTTP/1", b"".join(p for p in parts if isinstance(p, bytes)))

    def read(seconds, until):
        nonlocal data, closed
        deadline = time.monotonic() + seconds
        while not closed and not until() and (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                piece = sock.recv(65536)
            except TimeoutError:
                break
            except OSError:
                piece = b""
            closed = not piece
            data += piece

    def is_answered():
        finals = [a for a in parse(data, methods) if a.status >= 200 or a.status == 0]
        return len(finals) >= wanted and all(a.is_whole for a in finals)

    with sock:
        try:
            for part in parts:
                if isinstance(part, bytes):
                    sock.sendall(part)
                else:
                    read(part, lambda: False)
        except OSError:
            pass
        read(PATIENCE if wanted else 0.3, is_answered if wanted else lambda: False)
        if expects_close:
            read(PATIENCE, lambda: False)
    return parse(data, methods), closed


def control(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return json.load(response)


def judge(row, answers, closed, records):
    """What is wrong; empty when all is well."""
    finals = [a for a in answers if a.status >= 200 or a.status == 0]
    got = finals[0].status if finals else "closed" if closed else "waits"
    wrong = []
    if got != row["status"]:
        wrong.append(f"answered {got}, not {row['status']}")
    if len(finals) < row.get("answers", 1) and row["status"] not in ("waits", "closed"):
        wrong.append(f"{len(finals)} answers, not {row.get('answers', 1)}")
    refused = isinstance(row["status"], int) and row["status"] >= 400
    if row.get("closes", refused) and not closed:
        wrong.append("the connection stays")
    if "interim" in row and row["interim"] not in [a.status for a in answers]:
        wrong.append(f"no {row['interim']}")
    malformed = [r["malformed"] for r in records if r["malformed"] and not r["malformed"].startswith("eof in")]
    if malformed:
        wrong.append(f"malformed at the origin: {malformed[0]}")
    if len(records) > row["seen"]:
        wrong.append(f"{len(records)} requests at the origin")
    if any(r["head"].split(" ")[1:2] == ["/evil"] for r in records):
        wrong.append("SMUGGLED")
    if records and row["status"] == 200:
        head = records[0]["head"].lower()
        if "body" in row and records[0]["body"] != row["body"][:4096]:
            wrong.append(f"content {records[0]['body'][:40]!r}")
        if "lacks" in row and row["lacks"] in head:
            wrong.append(f"the origin saw {row['lacks']!r}")
        if "holds" in row and row["holds"] not in head:
            wrong.append(f"the origin did not see {row['holds']!r}")
        if "holds_one_of" in row and not any(text in head for text in row["holds_one_of"]):
            wrong.append(f"the origin saw none of {row['holds_one_of']!r}")
        if row.get("no_trailer", "\0") in records[0].get("trailers", "").lower():
            wrong.append(f"the origin saw trailer {row['no_trailer']!r}")
    return wrong


def run(port, control_port, only="", say=print, verbose=False):
    """The number of rows that failed, and of all."""
    rows = [r for r in ROWS if only in f"{r['category']} {r['says']}"]
    failed = 0
    for row in rows:
        control(control_port, "/reset")
        wanted = 0 if row["status"] == "waits" else row.get("answers", 1)
        refused = isinstance(row["status"], int) and row["status"] >= 400
        answers, closed = exchange(port, row["parts"], wanted, row.get("closes", refused))
        wrong = judge(row, answers, closed, control(control_port, "/log"))
        failed += bool(wrong)
        if wrong or verbose:
            say(f"{'FAIL' if wrong else 'ok  '} {row['category']}: {row['says']}: {'; '.join(wrong)}")
    return failed, len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("control", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    failed, count = run(options.port, options.control, options.only, verbose=options.v)
    print(f"{count} requests: {count - failed} as they should be, {failed} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
