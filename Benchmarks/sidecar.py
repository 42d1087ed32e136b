"""How much memory an idle sidecar takes: a real control plane, a real sidecar, its RSS once it is ready."""
import json
import os
import shutil
import subprocess
import time
import urllib.request

import processes


def idle(binary, folder):
    """One line for the report; says why when there is no number."""
    if not os.access(binary, os.X_OK):
        return "Idle RSS of a sidecar: no binary."
    started = []
    try:
        data = os.path.join(folder, "sidecar")
        shutil.rmtree(data, ignore_errors=True)
        os.makedirs(data)
        return f"Idle RSS of a sidecar: {measure(binary, data, started) / 1024:.1f} MiB."
    except (OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
        return f"Idle RSS of a sidecar: not measured ({error})."
    finally:
        for process in reversed(started):
            processes.stop(process)


def ready(path, process, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            raise ValueError(f"ended with status {process.returncode}")
        if os.path.exists(path) and os.path.getsize(path):
            with open(path) as file:
                return json.load(file)
        time.sleep(0.05)
    raise ValueError(f"{os.path.basename(path)} did not appear within {seconds} s")


def measure(binary, data, started):
    serve = processes.start(
        [binary, "serve", "--data-dir", f"{data}/data", "--admin-listen", local(), "--dev-http", local(),
         "--xds-listen", local(), "--workers", "1", "--ready-file", f"{data}/serve.json"], "1", f"{data}/serve.log")
    started.append(serve)
    facts = ready(f"{data}/serve.json", serve)
    token = join_token(facts["devHttp"], data)
    with open(f"{data}/token", "w") as file:
        file.write(token)
    authority = find(f"{data}/data", "root-cert.pem")
    sidecar = processes.start(
        [binary, "sidecar", "--control-plane", facts["xds"], "--ca-file", authority, "--token-file", f"{data}/token",
         "--namespace", "default", "--service-account", "default", "--workload", "bench", "--state-dir",
         f"{data}/state", "--app", str(processes.free_port()), "--inbound-listen", local(), "--outbound-listen", local(),
         "--ready-file", f"{data}/sidecar.json"], "0", f"{data}/sidecar.log")
    started.append(sidecar)
    ready(f"{data}/sidecar.json", sidecar)
    time.sleep(1)
    return processes.resident_kilobytes(sidecar.pid)


def local():
    return f"127.0.0.1:{processes.free_port()}"


def join_token(server, data):
    with open(find(f"{data}/data", "admin.token")) as file:
        admin = file.read().strip()
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["gatehouse-join"]}}
    request = urllib.request.Request(
        server + "/api/v1/namespaces/default/serviceaccounts/default/token", data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {admin}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["status"]["token"]


def find(folder, name):
    """The file of that name that `serve` left somewhere in its data folder."""
    for path, _, names in os.walk(folder):
        if name in names:
            return os.path.join(path, name)
    raise ValueError(f"no {name} in the data folder")
