"""Memory per idle connection: opens many, asks once on each, waits, and divides what the proxy grew by."""
import socket
import ssl
import time

import rows


def ask(port, context):
    connection = socket.create_connection(("127.0.0.1", port), 10)
    if context:
        connection = context.wrap_socket(connection)
    connection.sendall(b"GET /1k HTTP/1.1\r\nHost: localhost\r\n\r\n")
    got = b""
    while b"\r\n\r\n" not in got or len(got) < got.index(b"\r\n\r\n") + 4 + 1024:
        part = connection.recv(65536)
        if not part:
            raise OSError("closed before the answer was complete")
        got += part
    return connection


def growth(proxy, use, count):
    """KiB per connection."""
    context = None
    if use != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    held = [ask(proxy.ports[use], context)]
    before = proxy.resident_kilobytes()
    try:
        for _ in range(count):
            held.append(ask(proxy.ports[use], context))
        time.sleep(0.5)
        return (proxy.resident_kilobytes() - before) / count
    finally:
        for connection in held:
            connection.close()


def report(names, running):
    """Prints a table; how many marks were missed."""
    if not names:
        return 0
    shown = [proxy.name for proxy in running]
    print("\nKiB of resident memory per idle connection\n\n| | " + " | ".join(shown) + " | |\n|---|"
          + "---|" * (len(shown) + 1))
    lost = 0
    for name in names:
        title, use, count, most = rows.IDLE[name]
        cells, ours = [], None
        for proxy in running:
            if use not in proxy.ports:
                cells.append("–")
                continue
            try:
                grown = growth(proxy, use, count)
                cells.append(f"{grown:.1f}")
                ours = grown if proxy.name == "gatehouse" else ours
            except OSError as error:
                cells.append(f"– ({error})")
        holds = ours is not None and ours <= most
        lost += ours is not None and not holds
        verdict = f"holds (≤ {most})" if holds else f"**missed** (≤ {most})" if ours is not None else ""
        print(f"| {title} ({count}) | " + " | ".join(cells) + f" | {verdict} |", flush=True)
    return lost
