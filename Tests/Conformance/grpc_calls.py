#!/usr/bin/env python3
"""Calls every form of gRPC through a proxy: grpc_calls.py PORT [CA_FILE]. Prints JSON: what each call came to."""
import json
import sys
import time

import grpc


def outcome(call):
    try:
        return call()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def check(channel):
    def method(kind, name):
        return getattr(channel, kind)(f"/test.Echo/{name}")

    unary = method("unary_unary", "Unary")
    results = {}
    answer, call = unary.with_call(b"hello", timeout=10)
    results["unary"] = [answer.decode(), dict(call.trailing_metadata()).get("x-trailer")]
    results["large"] = len(unary(b"x" * 3_000_000, timeout=20))
    results["server"] = [m.decode() for m in method("unary_stream", "ServerStream")(b"300", timeout=10)][-1]
    results["client"] = method("stream_unary", "ClientStream")((b"a" * 1000 for _ in range(500)), timeout=10).decode()
    results["bidirectional"] = [
        m.decode() for m in method("stream_stream", "Bidirectional")(iter([b"abc", b"de", b"f"]), timeout=10)]
    results["interleaved"] = interleaved(method("stream_stream", "Bidirectional"))
    fail = method("unary_unary", "Fail")
    results["fail"] = [outcome(lambda c=c: fail(f"{c} {c.lower()} é%".encode(), timeout=10))
                       for c in ("NOT_FOUND", "PERMISSION_DENIED", "INTERNAL")]
    results["fail late"] = outcome(lambda: [m for m in method("unary_stream", "FailLate")(b"", timeout=10)])
    results["flaky"] = outcome(lambda: method("unary_unary", "Flaky")(str(time.time()).encode(), timeout=10).decode())
    sleep = method("unary_unary", "Sleep")
    start = time.monotonic()
    results["deadline"] = outcome(lambda: sleep(b"5", timeout=0.5))[0]
    results["deadline took"] = time.monotonic() - start
    results["timeout seen"] = float(sleep(b"0", timeout=7))
    results["no route"] = outcome(lambda: channel.unary_unary("/test.Nobody/Call")(b"", timeout=10))
    futures = [unary.future(b"%d" % i, timeout=20) for i in range(300)]
    results["parallel"] = sum(f.result() == b"echo:%d" % i for i, f in enumerate(futures))
    stream = method("unary_stream", "ServerStream")(b"100000", timeout=10)
    next(stream)
    stream.cancel()
    results["after cancel"] = unary(b"still", timeout=10).decode()
    return results


def interleaved(method):
    """Each answer is waited for before the next question goes out."""
    answers = []

    def questions():
        for index in range(5):
            while len(answers) < index:
                time.sleep(0.005)
            yield b"q%d" % index

    for answer in method(questions(), timeout=10):
        answers.append(answer.decode())
    return answers


if __name__ == "__main__":
    target = f"127.0.0.1:{sys.argv[1]}"
    options = [("grpc.ssl_target_name_override", "gw.test"), ("grpc.default_authority", "gw.test")]
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as f:
            channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(f.read()), options)
    else:
        channel = grpc.insecure_channel(target, options[1:])
    print(json.dumps(check(channel)))
