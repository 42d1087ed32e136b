"""External HTTPS traffic: certificates by SNI, client certificates, misdirected requests, weighted routing."""
import http.client
import json
import socket
import ssl

from harness import equal, expect, test


def shown_certificate(q, name, **client):
    context = ssl.create_default_context(cafile=q.certs.path("public.pem"))
    if client:
        context.load_cert_chain(client["cert"], client["key"])
    with socket.create_connection(("127.0.0.1", q.ports["https"]), 5) as plain:
        with context.wrap_socket(plain, server_hostname=name) as tls:
            return dict(pair[0] for pair in tls.getpeercert()["subject"])["commonName"]


def partner(q):
    return ("--cert", q.certs.path("partner.example.com.pem"), "--key", q.certs.path("partner.example.com.key"))


@test
def certificates_by_sni(q):
    """two SNI hosts show their own certificates"""
    equal(shown_certificate(q, "shop.example.com"), "shop.example.com")
    files = {"cert": q.certs.path("partner.example.com.pem"), "key": q.certs.path("partner.example.com.key")}
    equal(shown_certificate(q, "partners.example.com", **files), "partners.example.com")


@test
def mutual_host(q):
    """the MUTUAL host refuses a client without a certificate and one from another CA, and serves a partner"""
    equal(q.https("partners.example.com")[0], 0, "without a certificate")
    wrong = ("--cert", q.certs.path("egress.example.com.pem"), "--key", q.certs.path("egress.example.com.key"))
    equal(q.https("partners.example.com", "/", *wrong)[0], 0, "with a stranger's certificate")
    status, body = q.https("partners.example.com", "/", *partner(q))
    equal(status, 200, body)


@test
def unknown_sni(q):
    """an unknown SNI is refused by a TLS alert"""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", q.ports["https"]), 5) as plain:
        try:
            context.wrap_socket(plain, server_hostname="nobody.example.com")
        except ssl.SSLError as error:
            expect("alert" in str(error).lower() or "unrecognized" in str(error).lower(), str(error))
            return
    raise AssertionError("the handshake succeeded")


@test
def misdirected(q):
    """a request whose Host belongs to a server with another TLS policy gets 421, on HTTP/1.1 and HTTP/2"""
    for version in ("--http1.1", "--http2"):
        status, _ = q.https("shop.example.com", "/", version, "-H", "Host: partners.example.com")
        equal(status, 421, version)
    equal(q.https("shop.example.com", "/", "-H", "Host: unknown.example.com")[0], 404)


@test
def plain_and_redirect(q):
    """plain HTTP routes, and httpsRedirect answers 301"""
    port = q.ports["http"]
    equal(q.curl("-H", "Host: shop.example.com", f"http://127.0.0.1:{port}/")[0], 200)
    status, head = q.curl("-D", "-", "-H", "Host: old.example.com", f"http://127.0.0.1:{port}/a?b=c")
    equal(status, 301)
    expect("location: https://old.example.com/a?b=c" in head.lower(), head)
    equal(q.curl("-H", "Host: other.example.com", f"http://127.0.0.1:{port}/")[0], 404)


@test
def protocols(q):
    """the same answers over HTTP/1.1, HTTP/2 and with a request body"""
    for version in ("--http1.1", "--http2"):
        status, body = q.https("shop.example.com", "/path?q=1", version, "-H", "end-user: jason")
        equal((status, json.loads(body)["path"]), (200, "/path?q=1"), version)
        status, body = q.https("shop.example.com", "/upload", version, "--data-binary", "@" + q.binary)
        equal(status, 200, body[:200])
        expect(json.loads(body)["received"] > 1_000_000, body)


@test
def split_and_header(q):
    """4,000 requests split 75/25 within 4 points, and end-user: jason always reaches v2"""
    counts = {"v1": 0, "v2": 0}
    connection = http.client.HTTPConnection("127.0.0.1", q.ports["http"], timeout=10)
    for _ in range(4000):
        connection.request("GET", "/", headers={"Host": "shop.example.com"})
        response = connection.getresponse()
        body = response.read()
        equal(response.status, 200, body.decode())
        counts[json.loads(body)["version"]] += 1
    share = counts["v1"] / 40
    expect(71 <= share <= 79, f"v1 got {share} %")
    for _ in range(300):
        connection.request("GET", "/", headers={"Host": "shop.example.com", "end-user": "jason"})
        equal(json.loads(connection.getresponse().read())["version"], "v2")
    connection.close()


@test
def through_mesh_tls(q):
    """between gateway and sidecar there is mutual TLS with the gateway's identity"""
    _, body = q.https("shop.example.com", "/")
    expect("spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway" in json.loads(body)["peer"], body)
