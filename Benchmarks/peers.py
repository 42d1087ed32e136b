"""nginx and HAProxy, configured for speed within the rules of proxies.py."""
import os

from proxies import Proxy, program

LOG_FIELDS = {"method": ("$request_method", "%HM"), "path": ("$request_uri", "%HU"), "status": ("$status", "%ST"),
              "bytes": ("$body_bytes_sent", "%B"), "peer": ("$remote_addr", "%ci"), "host": ("$host", "%si"),
              "time": ("$time_iso8601", "%tr"), "took": ("$request_time", "%Ta"), "agent": ("$http_user_agent", "%ID"),
              "upstream": ("$upstream_addr", "%s")}


def nginx(site):
    if not program("nginx"):
        return Proxy("nginx", None, site.ports)
    ports = {use: port for use, port in site.ports.items() if use != "tcp"}  # the stream module is a package apart
    if site.is_pair:
        commands = [nginx_command(site, "nginx-out", nginx_outbound(site)),
                    nginx_command(site, "nginx-in", nginx_inbound(site))]
    else:
        commands = [nginx_command(site, "nginx", nginx_edge(site))]
    return Proxy("nginx", commands, ports)


def nginx_command(site, name, servers):
    run = f"{site.run}/{name}"
    fields = ",".join(f'"{field}":"{value}"' for field, (value, _) in LOG_FIELDS.items())
    log = f"access_log {run}.access json" if site.logs else "access_log off"
    text = f"""worker_processes {site.workers}; daemon off; pid {run}.pid; error_log {run}.err warn;
worker_rlimit_nofile 40000;
events {{ worker_connections 19000; }}
http {{
  log_format json escape=json '{{{fields}}}'; {log};
  keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0; client_body_buffer_size 64k;
  client_body_temp_path {run}-body; proxy_temp_path {run}-proxy; fastcgi_temp_path {run}-fastcgi;
  uwsgi_temp_path {run}-uwsgi; scgi_temp_path {run}-scgi;
  server_names_hash_max_size 8192; server_names_hash_bucket_size 128;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {site.run}/ecdsa-cert.pem; ssl_certificate_key {site.run}/ecdsa-key.pem;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
{servers}}}
"""
    return [program("nginx"), "-c", site.write(f"{name}.conf", text)]


def nginx_pool(name, port):
    return f"  upstream {name} {{ server 127.0.0.1:{port}; keepalive 6000; keepalive_requests 100000000; }}\n"


def nginx_edge(site):
    listen = "listen 127.0.0.1:{}{} backlog=4096;".format
    port = site.ports
    rsa = f"ssl_certificate {site.run}/rsa-cert.pem; ssl_certificate_key {site.run}/rsa-key.pem;"
    text = nginx_pool("up", site.upstream) + nginx_pool("up2", site.upstream_h2) + f"""
  server {{ {listen(port["plain"], "")} {listen(port["tls"], " ssl http2")} location / {{ proxy_pass http://up; }} }}
  server {{ {listen(port["rsa"], " ssl http2")} {rsa} location / {{ proxy_pass http://up; }} }}
  server {{ {listen(port["h2"], " ssl http2")}
    grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for; location / {{ grpc_pass grpc://up2; }} }}
"""
    for index, (domain, prefixes) in enumerate(site.hosts.items()):
        bind = listen(port["hosts"], "") if index == 0 else f"listen 127.0.0.1:{port['hosts']};"
        places = " ".join(f"location {prefix} {{ proxy_pass http://up; }}" for prefix in prefixes)
        text += f"  server {{ {bind} server_name {domain}; {places} }}\n"
    return text


def nginx_outbound(site):
    return nginx_pool("inner", site.ports["inner"]) + f"""
  server {{ listen 127.0.0.1:{site.ports["mesh"]} backlog=4096; location / {{
    proxy_pass https://inner; proxy_ssl_certificate {site.run}/ecdsa-cert.pem;
    proxy_ssl_certificate_key {site.run}/ecdsa-key.pem; proxy_ssl_trusted_certificate {site.run}/ecdsa-cert.pem;
    proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2 TLSv1.3; }} }}
"""


def nginx_inbound(site):
    return nginx_pool("up", site.upstream) + f"""
  server {{ listen 127.0.0.1:{site.ports["inner"]} ssl backlog=4096; ssl_client_certificate {site.run}/ecdsa-cert.pem;
    ssl_verify_client on; location / {{ proxy_pass http://up; }} }}
"""


def haproxy(site):
    if not program("haproxy"):
        return Proxy("haproxy", None, site.ports)
    commands = [haproxy_command(site, "haproxy-out", haproxy_outbound(site)),
                haproxy_command(site, "haproxy-in", haproxy_inbound(site))] if site.is_pair else [
                    haproxy_command(site, "haproxy", haproxy_edge(site))]
    return Proxy("haproxy", commands, site.ports)


def haproxy_command(site, name, sections):
    fields = ",".join(f'"{field}":"{value}"' for field, (_, value) in LOG_FIELDS.items())
    log = f"  log stdout format raw local0\n  log-format '{{{fields}}}'\n" if site.logs else ""
    sections = sections.replace("  option forwardfor\n", "  option forwardfor\n" + log)  # frontends of mode http
    text = f"""global
  nbthread {site.workers}
  maxconn 9000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout client 600s
  timeout http-keep-alive 600s
  timeout server 60s
  timeout connect 5s
  http-reuse always
{sections}"""
    return [program("haproxy"), "-f", site.write(f"{name}.cfg", text), "-db"]


def haproxy_edge(site):
    port = site.ports
    domains = "".join(f"{domain}{prefix} out\n" for domain, prefixes in site.hosts.items() for prefix in prefixes)
    return f"""frontend in
  option forwardfor
  bind 127.0.0.1:{port["plain"]} backlog 4096
  bind 127.0.0.1:{port["tls"]} ssl crt {both(site, "ecdsa")} alpn h2,http/1.1 backlog 4096
  bind 127.0.0.1:{port["rsa"]} ssl crt {both(site, "rsa")} alpn h2,http/1.1 backlog 4096
  default_backend out
frontend in2
  option forwardfor
  bind 127.0.0.1:{port["h2"]} ssl crt {both(site, "ecdsa")} alpn h2 backlog 4096
  default_backend out2
frontend many
  option forwardfor
  bind 127.0.0.1:{port["hosts"]} backlog 4096
  use_backend %[base,map_beg({site.write("haproxy.map", domains)},none)]
frontend tcp
  mode tcp
  bind 127.0.0.1:{port["tcp"]} backlog 4096
  default_backend tcpout
backend out
  server up 127.0.0.1:{site.upstream}
backend out2
  server up 127.0.0.1:{site.upstream_h2} proto h2
backend tcpout
  mode tcp
  server up 127.0.0.1:{site.upstream}
backend none
  http-request deny
"""


def haproxy_outbound(site):
    files = f"crt {both(site, 'ecdsa')} ca-file {site.run}/ecdsa-cert.pem verify required verifyhost localhost"
    return f"""frontend in
  option forwardfor
  bind 127.0.0.1:{site.ports["mesh"]} backlog 4096
  default_backend out
backend out
  server up 127.0.0.1:{site.ports["inner"]} ssl {files} sni str(localhost)
"""


def haproxy_inbound(site):
    files = f"crt {both(site, 'ecdsa')} ca-file {site.run}/ecdsa-cert.pem verify required"
    return f"""frontend in
  option forwardfor
  bind 127.0.0.1:{site.ports["inner"]} ssl {files} backlog 4096
  default_backend out
backend out
  server up 127.0.0.1:{site.upstream}
"""


def both(site, kind):
    path = f"{site.run}/{kind}-both.pem"
    if not os.path.exists(path):
        site.write(f"{kind}-both.pem", b"".join(site.pair(kind)))
    return path
