"""An appliance of its own for TLS and TCP tests: authorities, revocation lists, stapled answers, echoing backends."""
import contextlib
import datetime
import http.server
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading

from harness import Skip, eventually
from quickstart import Quickstart, free_port

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509 import ocsp
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    x509 = None

# Ports of the lab's Gateways; all TLS servers share 443 by server name.
PORTS = (80, 443, 8443, 9000, 9001, 9002, 9003)


def need_cryptography():
    if x509 is None:
        raise Skip("python3-cryptography is not installed")


class Authority:
    """A certificate authority that can also revoke and answer for its certificates."""

    def __init__(self, folder, name):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.root = self.build(self.name, self.key, self.name, self.key, True, ())
        self.write(name, self.root, self.key)

    @staticmethod
    def now():
        return datetime.datetime.now(datetime.timezone.utc)

    def build(self, subject, key, issuer, signer, is_authority, names, usage=None, days=30, start=-40):
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(self.now() + datetime.timedelta(days=start))
            .not_valid_after(self.now() + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(is_authority, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.KeyUsage(not is_authority, False, False, False, False, is_authority, is_authority,
                                         False, False), True))
        if names:
            general = [x509.UniformResourceIdentifier(n) if "://" in n else x509.DNSName(n) for n in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), False)
        return builder.sign(signer, hashes.SHA256())

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, certificate, key):
        with open(self.path(name + ".pem"), "wb") as f:
            f.write(certificate.public_bytes(serialization.Encoding.PEM))
        with open(self.path(name + ".key"), "wb") as f:
            f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))

    def issue(self, name, names, is_rsa=False, days=30, start=-40, uses=("server", "client")):
        key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
        kinds = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
        usage = [kinds[use] for use in uses]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self.build(subject, key, self.name, self.key, False, names, usage, days, start)
        self.write(name, certificate, key)
        return certificate

    def revocations(self, revoked=(), days=10):
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.name)
                   .last_update(self.now() - datetime.timedelta(days=20))
                   .next_update(self.now() + datetime.timedelta(days=days)))
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
                .revocation_date(self.now() - datetime.timedelta(days=1)).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def status(self, certificate, days=5):
        """A DER OCSP response that the certificate is good."""
        return (ocsp.OCSPResponseBuilder().add_response(
            certificate, self.root, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD,
            self.now() - datetime.timedelta(days=10), self.now() + datetime.timedelta(days=days), None, None)
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.root).sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER))


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"headers": {k.lower(): v for k, v in self.headers.items()}, "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Backend:
    """A TCP server on a thread of its own; `serve` is called with every connection."""

    def __init__(self, serve, context=None):
        self.serve, self.context = serve, context
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            self.serve(connection)

    def close(self):
        self.socket.close()


def saying(word):
    """A backend that says its name and then echoes."""
    def serve(connection):
        connection.sendall(word.encode() + b"\n")
        while data := connection.recv(65536):
            connection.sendall(data)
    return serve


def resource(kind, name, spec, version="networking.istio.io/v1", namespace="default"):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


class Lab(Quickstart):
    current = None

    @classmethod
    def get(cls, quickstart):
        """The lab, started by the first test that needs it and stopped with the suite's own processes."""
        need_cryptography()
        if cls.current is None:
            folder = os.path.join(quickstart.folder, "tls-lab")
            cls.current = cls(folder, binary=quickstart.binary, workers=2, log=os.path.join(folder, "logs"))
            try:
                cls.current.up()
            finally:
                quickstart.processes.update({"lab-" + k: v for k, v in cls.current.processes.items()})
        return cls.current

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.listen = {number: free_port() for number in PORTS}
        self.pki = os.path.join(self.folder, "pki")
        os.makedirs(self.pki, exist_ok=True)
        self.ca = Authority(self.pki, "ca")
        self.clients = Authority(self.pki, "clients")
        self.strangers = Authority(self.pki, "strangers")
        self.origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        threading.Thread(target=self.origin.serve_forever, daemon=True).start()

    def start_appliance(self, extra=()):
        ready = os.path.join(self.folder, "ready.json")
        p = self.ports
        mapped = ",".join(f"ingress/{number}:127.0.0.1:{port}" for number, port in self.listen.items())
        process = self.spawn("serve", [
            self.binary, "serve", "--data-dir", self.data,
            "--admin-listen", f"127.0.0.1:{p['admin']}", "--dev-http", f"127.0.0.1:{p['dev']}",
            "--xds-listen", f"127.0.0.1:{p['xds']}", "--dev-xds", f"127.0.0.1:{p['devxds']}",
            "--workers", str(self.workers), "--resource-root", self.pki,
            "--port-map", f"{mapped},egress/443:127.0.0.1:{p['egress443']},egress/80:127.0.0.1:{p['egress80']}",
            "--ready-file", ready, *extra])
        return self.wait_for_file(ready, process)

    def put(self, *items):
        path = os.path.join(self.folder, "items.json")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            json.dump({"apiVersion": "v1", "kind": "List", "items": list(items)}, f)
        return self.apply(path)

    def refused(self, item):
        """The text of the refusal; fails when the resource is accepted."""
        try:
            self.put(item)
        except RuntimeError as error:
            return str(error)
        raise AssertionError(f"{item['kind']} {item['metadata']['name']} was accepted")

    def text(self, name):
        with open(os.path.join(self.pki, name)) as f:
            return f.read()

    def secret(self, name, certificate=None, authority=None, revocations=None, staple=None):
        import base64
        data = {}
        if certificate:
            data |= {"tls.crt": self.text(certificate + ".pem"), "tls.key": self.text(certificate + ".key")}
        if authority:
            data["ca.crt"] = self.text(authority + ".pem")
        if revocations:
            data["ca.crl"] = revocations
        item = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": name, "namespace": "istio-system"}, "stringData": data}
        if staple:
            item["data"] = {"tls.ocsp-staple": base64.b64encode(staple).decode()}
        return item

    def gateway(self, name, hosts, tls=None, number=443, protocol="HTTPS"):
        server = {"port": {"number": number, "name": f"{name}-{number}", "protocol": protocol}, "hosts": hosts}
        if tls:
            server["tls"] = tls
        return resource("Gateway", name, {"selector": {"istio": "ingressgateway"}, "servers": [server]})

    def external(self, name, port, protocol="HTTP", **spec):
        port_name = protocol.lower()
        return resource("ServiceEntry", name, {
            "hosts": [f"{name}.internal"], "location": "MESH_EXTERNAL", "resolution": "STATIC",
            "ports": [{"number": 80, "name": port_name, "protocol": protocol}],
            "endpoints": [{"address": "127.0.0.1", "ports": {port_name: port}}], **spec})

    def https(self, name, tls, hosts=None, destination="origin"):
        """A Gateway with its VirtualService for one server name."""
        hosts = hosts or [name]
        slug = name.replace("*", "any").replace(".", "-")
        route = {"destination": {"host": f"{destination}.internal", "port": {"number": 80}}}
        return [self.gateway(slug, hosts, tls),
                resource("VirtualService", slug, {"hosts": hosts, "gateways": [slug], "http": [{"route": [route]}]})]

    def up(self):
        self.start_appliance()
        self.put(self.external("origin", self.origin.server_address[1]))

    # Clients

    def context(self, certificate=None, alpn=None, low=None, high=None, ciphers=None):
        context = ssl.create_default_context(cafile=os.path.join(self.pki, "ca.pem"))
        if certificate:
            context.load_cert_chain(*(os.path.join(self.pki, certificate + end) for end in (".pem", ".key")))
        if alpn:
            context.set_alpn_protocols(alpn)
        if ciphers:
            context.set_ciphers(ciphers)
        if low:
            context.minimum_version = low
        if high:
            context.maximum_version = high
        return context

    def ask(self, name, host=None, number=443, session=None, **options):
        """One HTTP/1.1 request over TLS: status, decoded body, and the connection's facts. Raises ssl.SSLError."""
        context = options.pop("context", None) or self.context(**options)
        with socket.create_connection(("127.0.0.1", self.listen[number]), 5) as plain:
            with context.wrap_socket(plain, server_hostname=name, session=session) as tls:
                tls.sendall(f"GET / HTTP/1.1\r\nHost: {host or name}\r\nConnection: close\r\n\r\n".encode())
                data = b""
                while piece := tls.recv(65536):
                    data += piece
                facts = {"version": tls.version(), "cipher": tls.cipher(), "alpn": tls.selected_alpn_protocol(),
                         "certificate": tls.getpeercert(), "session": tls.session, "resumed": tls.session_reused}
        head, _, body = data.partition(b"\r\n\r\n")
        if not head:
            raise ssl.SSLError("closed without an answer")
        return int(head.split()[1]), json.loads(body) if body.startswith(b"{") else body, facts

    def served(self, name, **options):
        """Waits until a name is answered with 200: the moment a change is live."""
        return eventually(lambda: (answer := self.ask(name, **options))[0] == 200 and answer, 10, what=f"{name} serves")

    def turned_away(self, name, **options):
        """The text of the TLS failure; fails when the request is answered."""
        try:
            answer = self.ask(name, **options)
        except (ssl.SSLError, ConnectionError) as error:
            return str(error)
        raise AssertionError(f"{name} answered {answer[0]}")

    def openssl(self, name, *arguments, number=443, stdin=b""):
        result = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.listen[number]}",
             *(["-servername", name] if name else ["-noservername"]), "-CAfile", os.path.join(self.pki, "ca.pem"), *arguments], input=stdin, capture_output=True, timeout=20)
        return (result.stdout + result.stderr).decode("latin1")

    def temporary(self):
        return tempfile.TemporaryDirectory(dir=self.folder)
