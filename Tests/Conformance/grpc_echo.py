#!/usr/bin/env python3
"""A gRPC service for tests, without generated code: grpc_echo.py PORT. Messages are plain bytes. Needs grpcio."""
import sys
import time
from concurrent import futures

import grpc

failures = {}


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "seen"),))
    return b"echo:" + request


def server_stream(request, context):
    for index in range(int(request)):
        yield b"item %d" % index


def client_stream(requests, context):
    return b"%d" % sum(len(r) for r in requests)


def bidirectional(requests, context):
    for request in requests:
        yield request[::-1]


def fail(request, context):
    """Trailers only: no message, the status in the head."""
    code, _, text = request.decode().partition(" ")
    context.abort(next(c for c in grpc.StatusCode if c.name == code), text)


def fail_late(request, context):
    yield b"first"
    context.abort(grpc.StatusCode.DATA_LOSS, "after the first message: 100 %")


def flaky(request, context):
    """UNAVAILABLE twice per key, then well."""
    count = failures[request] = failures.get(request, 0) + 1
    if count <= 2:
        context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
    return b"%d" % count


def sleep(request, context):
    left = context.time_remaining()
    for _ in range(int(float(request) * 50)):
        if not context.is_active():
            break
        time.sleep(0.02)
    return b"%.1f" % (left if left and left < 1e6 else 0)


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
    "Bidirectional": grpc.stream_stream_rpc_method_handler(bidirectional),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "FailLate": grpc.unary_stream_rpc_method_handler(fail_late),
    "Flaky": grpc.unary_unary_rpc_method_handler(flaky),
    "Sleep": grpc.unary_unary_rpc_method_handler(sleep),
}

if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", HANDLERS),))
    if server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}") == 0:
        sys.exit("the port is taken")
    server.start()
    server.wait_for_termination()
