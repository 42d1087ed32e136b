"""The proxies that are compared, each with one worker, a plain and a TLS port, and the same upstream.

All of them append x-forwarded-for, keep upstream connections alive and write no access log: what a gateway does at least.
"""
import json
import os
import shutil

import snapshot


class Proxy:
    """One program under test; `command` is None when it is not installed."""

    def __init__(self, name, command, plain, tls):
        self.name, self.command, self.plain, self.tls = name, command, plain, tls


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "wb" if isinstance(text, bytes) else "w") as file:
        file.write(text)
    return path


def gatehouse(run, binary, plain, tls, upstream):
    with open(f"{run}/cert.pem", "rb") as cert, open(f"{run}/key.pem", "rb") as key:
        content = snapshot.snapshot(plain, tls, upstream, cert.read(), key.read())
    file = write(run, "gatehouse.snapshot", content)
    command = [binary, "gateway", "--name", "bench", "--state-dir", f"{run}/gatehouse-state", "--snapshot", file,
               "--workers", "1", "--bind-address", "127.0.0.1", "--no-access-log"]
    return Proxy("gatehouse", command if os.access(binary, os.X_OK) else None, plain, tls)


def nginx(run, plain, tls, upstream):
    text = f"""worker_processes 1; daemon off; pid {run}/nginx.pid; error_log {run}/nginx.err warn;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_temp_path {run}/nginx-body; proxy_temp_path {run}/nginx-proxy; fastcgi_temp_path {run}/nginx-fastcgi;
  uwsgi_temp_path {run}/nginx-uwsgi; scgi_temp_path {run}/nginx-scgi;
  ssl_certificate {run}/cert.pem; ssl_certificate_key {run}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl http2 backlog=4096;
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Proxy("nginx", program and [program, "-c", write(run, "nginx.conf", text)], plain, tls)


def haproxy(run, plain, tls, upstream):
    text = f"""global
  nbthread 1
  maxconn 9000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout client 600s
  timeout http-keep-alive 600s
  timeout server 60s
  timeout connect 5s
  http-reuse always
  option forwardfor
frontend in
  bind 127.0.0.1:{plain} backlog 4096
  bind 127.0.0.1:{tls} ssl crt {run}/both.pem alpn h2,http/1.1 backlog 4096
  default_backend out
backend out
  server up 127.0.0.1:{upstream}
"""
    program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Proxy("haproxy", program and [program, "-f", write(run, "haproxy.cfg", text), "-db"], plain, tls)


def envoy(run, plain, tls, upstream):
    types = "type.googleapis.com/envoy."

    def address(port):
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    router = {"@type": types + "extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True}
    hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}]}]
    manager = {
        "@type": types + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench", "use_remote_address": True, "generate_request_id": False,
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "route_config": {"virtual_hosts": hosts},
    }
    files = {"certificate_chain": {"filename": f"{run}/cert.pem"}, "private_key": {"filename": f"{run}/key.pem"}}
    context = {
        "@type": types + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [files]},
    }
    socket = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    network = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listeners = [
        {"name": "plain", "address": address(plain), "filter_chains": [{"filters": network}]},
        {"name": "tls", "address": address(tls), "filter_chains": [{"filters": network, "transport_socket": socket}]},
    ]
    limits = [{"max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000}]
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}]
    clusters = [{
        "name": "up", "type": "STATIC", "connect_timeout": "5s", "circuit_breakers": {"thresholds": limits},
        "load_assignment": {"cluster_name": "up", "endpoints": endpoints},
    }]
    file = write(run, "envoy.json", json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters}}))
    program = shutil.which(os.environ.get("ENVOY", "envoy"))
    command = program and [program, "--concurrency", "1", "-c", file, "-l", "error", "--disable-hot-restart"]
    return Proxy("envoy", command, plain, tls)
