"""TLS of the whole product, resource to wire: certificates, clients, versions, resumption, rotation, coalescing."""
import base64
import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

from harness import SHARED, Skip, equal, eventually, expect, test
from tls_lab import Authority, Backend, Lab, resource

V = ssl.TLSVersion


@test
def tls_front_door(q):
    """the shared front-door checks: names, ALPN, versions, twelve bad client certificates, resumption, early data"""
    tool = os.path.join(SHARED, "tools", "tls", "run_tls.py")
    if not os.path.exists(tool):
        raise Skip("no ../shared/tools/tls")
    lab = Lab.get(q)
    lab.ca.issue("server", ["gw.test", "*.gw.test"])
    lab.ca.issue("server2", ["b.test"])
    clients = {"good": (lab.clients, {}), "expired": (lab.clients, {"days": -1}), "notyet": (lab.clients, {"start": 5}),
               "wrongca": (lab.strangers, {}), "noeku": (lab.clients, {"uses": ("server",)})}
    Authority(lab.pki, "client-selfsigned")
    for name, (authority, options) in clients.items():
        authority.issue(f"client-{name}", [f"{name}.test"], **options)
    mutual = {"mode": "MUTUAL", "credentialName": "front-mutual"}
    lab.put(lab.secret("front", "server"), lab.secret("front-b", "server2"),
            lab.secret("front-mutual", "server", "clients"),
            *lab.https("gw.test", {"mode": "SIMPLE", "credentialName": "front"}, ["gw.test", "*.gw.test"]),
            *lab.https("b.test", {"mode": "SIMPLE", "credentialName": "front-b"}),
            lab.gateway("front-mutual", ["gw.test"], mutual, 8443),
            resource("VirtualService", "front-mutual", {"hosts": ["gw.test"], "gateways": ["front-mutual"], "http": [
                {"route": [{"destination": {"host": "origin.internal", "port": {"number": 80}}}]}]}))
    lab.served("gw.test")
    lab.served("gw.test", number=8443, certificate="client-good")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", tool, str(lab.listen[443]), "--mtls-port", str(lab.listen[8443]),
         "--certs", lab.pki, "--other-sni", "b.test"], capture_output=True, text=True, timeout=180)
    bad = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    equal(bad, [], result.stdout[-300:])
    expect("33 checks, 33 ok" in result.stdout, result.stdout[-200:] + result.stderr[-300:])


@test
def tls_two_key_types(q):
    """a server with an RSA and an ECDSA certificate shows the one a client can use"""
    lab = Lab.get(q)
    lab.ca.issue("two-rsa", ["two.test"], is_rsa=True)
    lab.ca.issue("two-ec", ["two.test"])
    lab.put(lab.secret("two-rsa", "two-rsa"), lab.secret("two-ec", "two-ec"),
            *lab.https("two.test", {"mode": "SIMPLE", "credentialNames": ["two-rsa", "two-ec"]}))
    lab.served("two.test")
    for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
        _, _, facts = lab.ask("two.test", ciphers=cipher, high=V.TLSv1_2)
        equal(facts["cipher"][0], cipher)
    for algorithm, key in (("rsa_pss_rsae_sha256", "rsaEncryption"), ("ecdsa_secp256r1_sha256", "id-ecPublicKey")):
        out = lab.openssl("two.test", "-tls1_3", "-sigalgs", algorithm)
        expect("Verify return code: 0 (ok)" in out, f"{algorithm}: {out[-300:]}")


@test
def tls_versions(q):
    """below TLS 1.2 is refused unless a server asks for it; maxima, minima, suites and their order are kept"""
    lab = Lab.get(q)
    lab.ca.issue("versions", ["plain.test", "old.test", "new.test", "low.test", "suites.test"], is_rsa=True)
    lab.put(lab.secret("versions", "versions"),
            *lab.https("plain.test", {"mode": "SIMPLE", "credentialName": "versions"}),
            *lab.https("old.test", {"mode": "SIMPLE", "credentialName": "versions", "minProtocolVersion": "TLSV1_0",
                                    "cipherSuites": ["ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"]}),
            *lab.https("new.test", {"mode": "SIMPLE", "credentialName": "versions", "minProtocolVersion": "TLSV1_3"}),
            *lab.https("low.test", {"mode": "SIMPLE", "credentialName": "versions", "maxProtocolVersion": "TLSV1_2"}),
            *lab.https("suites.test", {"mode": "SIMPLE", "credentialName": "versions", "cipherSuites": [
                "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]}))
    weak = "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"
    for name in ("plain.test", "old.test", "new.test", "low.test", "suites.test"):
        lab.served(name)
    for version in (V.TLSv1, V.TLSv1_1):
        lab.turned_away("plain.test", low=version, high=version, ciphers="DEFAULT:@SECLEVEL=0")
        equal(lab.ask("old.test", low=version, high=version, ciphers=weak)[0], 200)
    lab.turned_away("new.test", high=V.TLSv1_2)
    equal(lab.ask("new.test")[2]["version"], "TLSv1.3")
    equal(lab.ask("low.test")[2]["version"], "TLSv1.2")
    lab.turned_away("low.test", low=V.TLSv1_3)
    order = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
    equal(lab.ask("suites.test", high=V.TLSv1_2, ciphers=order)[2]["cipher"][0], "ECDHE-RSA-AES256-GCM-SHA384")
    lab.turned_away("suites.test", high=V.TLSv1_2, ciphers="ECDHE-RSA-CHACHA20-POLY1305")


@test
def tls_curves(q):
    """tlsDefaults of the mesh: curves and versions reach servers that say nothing else; unknown curves are refused"""
    lab = Lab.get(q)
    lab.ca.issue("curves", ["curves.test"])
    lab.put(lab.secret("curves", "curves"), *lab.https("curves.test", {"mode": "SIMPLE", "credentialName": "curves"}))
    lab.served("curves.test")
    expect("Verify return code: 0" in lab.openssl("curves.test", "-groups", "X25519"), "X25519 by default")
    mesh = {"apiVersion": "gatehouse.io/v1", "kind": "MeshConfig", "metadata": {"name": "default"}, "spec": {}}
    try:
        lab.put({**mesh, "spec": {"tlsDefaults": {"ecdhCurves": ["P-384"], "minProtocolVersion": "TLSV1_3"}}})
        eventually(lambda: "handshake failure" in lab.openssl("curves.test", "-groups", "X25519"), what="only P-384")
        expect("Verify return code: 0" in lab.openssl("curves.test", "-groups", "P-384"), "P-384")
        lab.turned_away("curves.test", high=V.TLSv1_2)
        text = lab.refused({**mesh, "spec": {"tlsDefaults": {"ecdhCurves": ["P-999"]}}})
        expect("ecdhCurves" in text and "P-999" in text, text)
    finally:
        lab.put(mesh)
    lab.served("curves.test", high=V.TLSv1_2)


@test
def tls_alpn(q):
    """ALPN: our order wins, none is fine, and a list without ours gets no_application_protocol"""
    lab = Lab.get(q)
    lab.ca.issue("alpn", ["alpn.test"])
    lab.put(lab.secret("alpn", "alpn"), *lab.https("alpn.test", {"mode": "SIMPLE", "credentialName": "alpn"}))
    lab.served("alpn.test")
    equal(lab.ask("alpn.test", alpn=["http/1.1"])[2]["alpn"], "http/1.1")
    equal(lab.ask("alpn.test")[2]["alpn"], None)
    for version in ("-tls1_2", "-tls1_3"):
        expect("ALPN protocol: h2" in lab.openssl("alpn.test", version, "-alpn", "http/1.1,h2"), version)
        expect("no application protocol" in lab.openssl("alpn.test", version, "-alpn", "spdy/3,smtp"), version)


@test
def tls_staple(q):
    """a stapled OCSP answer is shown to clients that ask; a stale one is not; one for another certificate is refused"""
    lab = Lab.get(q)
    good, stale = lab.ca.issue("staple", ["staple.test"]), lab.ca.issue("stale", ["stale.test"])
    lab.put(lab.secret("staple", "staple", staple=lab.ca.status(good)),
            lab.secret("stale", "stale", staple=lab.ca.status(stale, days=-1)),
            *lab.https("staple.test", {"mode": "SIMPLE", "credentialName": "staple"}),
            *lab.https("stale.test", {"mode": "SIMPLE", "credentialName": "stale"}))
    lab.served("staple.test")
    lab.served("stale.test")
    for version in ("-tls1_2", "-tls1_3"):
        out = lab.openssl("staple.test", version, "-status")
        expect("OCSP Response Status: successful" in out and "Cert Status: good" in out, out[-600:])
        expect("no response sent" in lab.openssl("stale.test", version, "-status"), "stale")
    expect("OCSP Response" not in lab.openssl("staple.test"), "nobody asked")
    for staple, word in ((lab.ca.status(stale), "not about"), (b"junk", "not a successful OCSP response")):
        text = lab.refused(lab.secret("staple", "staple", staple=staple))
        expect("tls.ocsp-staple" in text and word in text, text)


@test
def tls_client_modes(q):
    """MUTUAL and OPTIONAL_MUTUAL, names, pins, and what the origin is told of the client"""
    lab = Lab.get(q)
    names = ["mutual.test", "optional.test", "named.test", "hash.test", "spki.test", "lax.test"]
    lab.ca.issue("modes", names)
    member = lab.clients.issue("member", ["spiffe://cluster.local/ns/default/sa/member", "member.test"])
    lab.clients.issue("guest", ["spiffe://cluster.local/ns/default/sa/guest"])
    lab.clients.issue("expired", ["spiffe://cluster.local/ns/default/sa/member"], days=-1)
    lab.strangers.issue("stranger", ["spiffe://cluster.local/ns/default/sa/member"])
    from cryptography.hazmat.primitives import hashes, serialization
    digest = member.fingerprint(hashes.SHA256()).hex()
    key = member.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    spki = base64.b64encode(hashlib.sha256(key).digest()).decode()
    other = base64.b64encode(bytes(32)).decode()
    colons = ":".join(re.findall("..", digest)).upper()

    def tls(mode, **more):
        return {"mode": mode, "credentialName": "modes", **more}
    lab.put(lab.secret("modes", "modes", "clients"),
            *lab.https("mutual.test", tls("MUTUAL")), *lab.https("optional.test", tls("OPTIONAL_MUTUAL")),
            *lab.https("named.test", tls("MUTUAL", subjectAltNames=["spiffe://cluster.local/ns/default/sa/member"])),
            *lab.https("hash.test", tls("MUTUAL", verifyCertificateHash=["00" * 32, colons])),
            *lab.https("spki.test", tls("MUTUAL", verifyCertificateSpki=[other, spki])),
            *lab.https("lax.test", tls("MUTUAL", insecureSkipVerify=True)))
    for name in names:
        _, body, _ = lab.served(name, certificate="member")
        shown = body["headers"]["x-forwarded-client-cert"]
        expect(f"Hash={digest}" in shown and "URI=spiffe://cluster.local/ns/default/sa/member" in shown, shown)
        expect("DNS=member.test" in shown and 'Subject="CN=member"' in shown, shown)
    for version in (V.TLSv1_2, V.TLSv1_3):
        for name in names:
            served = {None: name == "optional.test", "guest": name in ("mutual.test", "optional.test", "lax.test"),
                      "expired": name == "lax.test", "stranger": name == "lax.test"}
            for certificate, expected in served.items():
                if expected:
                    status, body, _ = lab.ask(name, certificate=certificate, low=version, high=version)
                    equal(status, 200, f"{name} {certificate}")
                    expect(("x-forwarded-client-cert" in body["headers"]) == (certificate is not None), body)
                else:
                    lab.turned_away(name, certificate=certificate, low=version, high=version)
    for field, value in (("verifyCertificateHash", ["abc"]), ("verifyCertificateSpki", ["abc"])):
        gateway = lab.gateway("mutual-test", ["mutual.test"], tls("MUTUAL", **{field: value}))
        expect(field in lab.refused(gateway), field)


@test
def tls_revocation(q):
    """a revoked client is refused at once, also with a session from before; so is everybody once the list is over"""
    lab = Lab.get(q)
    lab.ca.issue("crl", ["crl.test", "crl-file.test"])
    lab.clients.issue("honest", ["honest.test"])
    thief = lab.clients.issue("thief", ["thief.test"])
    lab.put(lab.secret("crl", "crl", "clients", lab.clients.revocations()),
            *lab.https("crl.test", {"mode": "MUTUAL", "credentialName": "crl"}))
    lab.served("crl.test", certificate="thief")
    context = lab.context(certificate="thief")
    session = lab.ask("crl.test", context=context)[2]["session"]
    equal(lab.ask("crl.test", context=context, session=session)[2]["resumed"], True)
    lab.put(lab.secret("crl", "crl", "clients", lab.clients.revocations([thief])))
    eventually(lambda: "revoked" in lab.turned_away("crl.test", certificate="thief"), 2, what="revoked")
    lab.turned_away("crl.test", context=context, session=session)
    equal(lab.ask("crl.test", certificate="honest")[0], 200)
    text = lab.refused(lab.secret("crl", "crl", "clients", lab.clients.revocations(days=-1)))
    expect("ca.crl" in text and "ended" in text, text)
    expect("ca.crl" in lab.refused(lab.secret("crl", "crl", "clients", "junk")), "junk")
    with open(os.path.join(lab.pki, "clients.crl"), "w") as f:
        f.write(lab.clients.revocations([thief]))
    files = {"serverCertificate": "/crl.pem", "privateKey": "/crl.key", "caCertificates": "/clients.pem",
             "caCrl": "/clients.crl"}
    lab.put(*lab.https("crl-file.test", {"mode": "MUTUAL", **files}))
    lab.served("crl-file.test", certificate="honest")
    expect("revoked" in lab.turned_away("crl-file.test", certificate="thief"), "by file")


@test
def tls_unknown_name(q):
    """unknown and missing server names are refused by an alert, wildcards cover one name more than exact ones"""
    lab = Lab.get(q)
    lab.ca.issue("wild", ["*.wild.test"])
    lab.put(lab.secret("wild", "wild"), *lab.https("*.wild.test", {"mode": "SIMPLE", "credentialName": "wild"}))
    lab.served("a.wild.test")
    expect("unrecognized name" in lab.openssl("nobody.test"), "unknown")
    expect("unrecognized name" in lab.openssl("wild.test"), "the parent")
    out = lab.openssl(None)
    expect("unrecognized name" in out or "handshake failure" in out, out[-300:])


@test
def tls_coalescing(q):
    """a reused connection serves hosts of servers with the same policy and certificate, and only those"""
    lab = Lab.get(q)
    lab.ca.issue("shared", ["*.shared.test"])
    same = {"mode": "SIMPLE", "credentialName": "shared"}
    lab.put(lab.secret("shared", "shared"), *lab.https("a.shared.test", same), *lab.https("b.shared.test", same),
            *lab.https("c.shared.test", {**same, "minProtocolVersion": "TLSV1_3"}))
    for name in ("a.shared.test", "b.shared.test", "c.shared.test"):
        lab.served(name)
    equal(lab.ask("a.shared.test", host="b.shared.test")[0], 200, "same policy, covered")
    equal(lab.ask("a.shared.test", host="c.shared.test")[0], 421, "another policy")
    equal(lab.ask("a.shared.test", host="unknown.test")[0], 404, "nobody's")


@test
def tls_resumption(q):
    """sessions are resumed on every worker and after a restart of the gateway, never under another client authority"""
    lab = Lab.get(q)
    lab.ca.issue("resume", ["resume.test", "guarded.test", "guarded-too.test"])
    lab.clients.issue("resumer", ["resumer.test"])
    lab.put(lab.secret("resume", "resume"), lab.secret("resume-a", "resume", "clients"),
            lab.secret("resume-b", "resume", "strangers"),
            *lab.https("resume.test", {"mode": "SIMPLE", "credentialName": "resume"}),
            *lab.https("guarded.test", {"mode": "MUTUAL", "credentialName": "resume-a"}),
            *lab.https("guarded-too.test", {"mode": "MUTUAL", "credentialName": "resume-b"}))
    lab.served("resume.test")
    lab.served("guarded.test", certificate="resumer")
    lab.turned_away("guarded-too.test", certificate="resumer")
    for high in (V.TLSv1_2, V.TLSv1_3):
        context = lab.context(certificate="resumer", high=high)
        session = lab.ask("resume.test", context=context)[2]["session"]
        for _ in range(8):
            equal(lab.ask("resume.test", context=context, session=session)[2]["resumed"], True, f"{high}")
        guarded = lab.ask("guarded.test", context=context)[2]["session"]
        _, body, facts = lab.ask("guarded.test", context=context, session=guarded)
        equal(facts["resumed"], True)
        expect("DNS=resumer.test" in body["headers"]["x-forwarded-client-cert"], body)
        for stolen in (session, guarded):
            lab.turned_away("guarded-too.test", context=context, session=stolen)
    # Sessions of an unauthenticated server open no door.
    naked = lab.context()
    session = lab.ask("resume.test", context=naked)[2]["session"]
    lab.turned_away("guarded.test", context=naked, session=session)
    pid = gateway_process(lab)
    os.kill(pid, 9)
    eventually(lambda: gateway_process(lab) not in (None, pid), 10, what="a new gateway")
    lab.served("resume.test")
    equal(lab.ask("resume.test", context=naked, session=session)[2]["resumed"], True, "after a restart")


def gateway_process(lab):
    parent = lab.processes["serve"].pid
    with open(f"/proc/{parent}/task/{parent}/children") as f:
        children = f.read().split()
    for pid in children:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().split(b"\0")
        if b"gateway" in words and any(b"ingress" in word for word in words):
            return int(pid)
    return None


@test
def tls_rotation(q):
    """a new certificate is shown within a second, and no open connection or request is lost over 30 rotations"""
    lab = Lab.get(q)
    lab.ca.issue("rotate-0", ["rotate.test"])
    lab.put(lab.secret("rotate", "rotate-0"), *lab.https("rotate.test", {"mode": "SIMPLE", "credentialName": "rotate"}))
    lab.served("rotate.test")
    failures, stop, count = [], threading.Event(), [0]

    def keep_asking():
        with socket.create_connection(("127.0.0.1", lab.listen[443]), 5) as plain:
            with lab.context().wrap_socket(plain, server_hostname="rotate.test") as tls:
                while not stop.is_set():
                    tls.sendall(b"GET / HTTP/1.1\r\nHost: rotate.test\r\n\r\n")
                    answer = b""
                    while not answer.endswith(b"}"):
                        piece = tls.recv(65536)
                        if not piece:
                            break
                        answer += piece
                    if not answer.startswith(b"HTTP/1.1 200"):
                        failures.append(answer[:80])
                        return
                    count[0] += 1

    def keep_connecting():
        while not stop.is_set():
            try:
                status = lab.ask("rotate.test")[0]
                if status != 200:
                    failures.append(status)
            except OSError as error:
                failures.append(repr(error))
    threads = [threading.Thread(target=f) for f in (keep_asking, keep_asking, keep_connecting)]
    for thread in threads:
        thread.start()
    slowest = 0
    for number in range(1, 31):
        certificate = lab.ca.issue(f"rotate-{number}", ["rotate.test"])
        lab.put(lab.secret("rotate", f"rotate-{number}"))
        start, wanted = time.monotonic(), f"{certificate.serial_number:X}"
        eventually(lambda: lab.ask("rotate.test")[2]["certificate"]["serialNumber"].lstrip("0") == wanted, 5,
                   every=0.01, what="the new certificate")
        slowest = max(slowest, time.monotonic() - start)
    stop.set()
    for thread in threads:
        thread.join(20)
    equal(failures, [], "lost")
    expect(count[0] > 30, f"only {count[0]} requests on open connections")
    expect(slowest < 1, f"a certificate took {slowest:.2f} s")


@test
def tls_origination(q):
    """towards hosts: a CA, a revocation list by file and by secret; sessions are resumed"""
    lab = Lab.get(q)
    target = lab.strangers.issue("target", ["target.internal"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(os.path.join(lab.pki, "target.pem"), os.path.join(lab.pki, "target.key"))
    resumed = []

    def answer(connection):
        with server.wrap_socket(connection, server_side=True) as tls:
            resumed.append(tls.session_reused)
            tls.recv(65536)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    backend = Backend(answer)

    def rule(**tls):
        return resource("DestinationRule", "target", {
            "host": "target.internal", "trafficPolicy": {"tls": {"mode": "SIMPLE", "sni": "target.internal", **tls}}})

    def status():
        return q.curl("-H", "Host: target.test", f"http://127.0.0.1:{lab.listen[80]}/")[0]
    lists = {name: lab.strangers.revocations(revoked) for name, revoked in (("none", []), ("all", [target]))}
    for name, text in lists.items():
        with open(os.path.join(lab.pki, f"strangers-{name}.crl"), "w") as f:
            f.write(text)
    route = {"destination": {"host": "target.internal", "port": {"number": 80}}}
    try:
        lab.put(lab.external("target", backend.port), lab.gateway("target", ["target.test"], None, 80, "HTTP"),
                resource("VirtualService", "target", {"hosts": ["target.test"], "gateways": ["target"], "http": [
                    {"route": [route], "retries": {"attempts": 0}}]}),
                rule(caCertificates="/strangers.pem", caCrl="/strangers-none.crl"))
        eventually(lambda: status() == 200, 10, what="a good list")
        for _ in range(12):
            equal(status(), 200)
        expect(sum(resumed) >= 3, f"resumed {sum(resumed)} of {len(resumed)}")
        lab.put(rule(caCertificates="/strangers.pem", caCrl="/strangers-all.crl"))
        eventually(lambda: status() == 503, 5, what="revoked by file")
        lab.put(lab.secret("target-trust", None, "strangers", lists["none"]), rule(credentialName="target-trust"))
        eventually(lambda: status() == 200, 5, what="a good list in the secret")
        lab.put(lab.secret("target-trust", None, "strangers", lists["all"]))
        eventually(lambda: status() == 503, 5, what="revoked by secret")
        lab.put(rule(caCertificates="/clients.pem"))
        eventually(lambda: status() == 503, 5, what="another authority")
        lab.put(rule(insecureSkipVerify=True))
        eventually(lambda: status() == 200, 5, what="no verification")
    finally:
        backend.close()
