"""What happens when processes die, and when the appliance is told to stop."""
import os
import signal
import time

from harness import Load, equal, eventually, expect, test
from test_api import child, kill_control, wait_for_api


@test
def control_plane_away(q):
    """traffic goes on without the control process, and a sidecar restarted meanwhile serves from its snapshot"""
    serve = q.processes["serve"].pid
    control = child(q, "control")
    with Load(q.ports["http"], "shop.example.com", clients=2) as load:
        os.kill(serve, signal.SIGSTOP)  # so that the supervisor does not bring it back yet
        try:
            os.kill(control, signal.SIGKILL)
            time.sleep(0.5)
            equal(q.https("shop.example.com", "/", "-H", "end-user: jason")[0], 200, "ingress without control")
            ports = q.sidecars["reviews-v2"]
            load.stop()
            before = list(load.failures)
            q.stop("reviews-v2")
            q.start_sidecar("reviews-v2", "v2", token=False, reuse=ports)
            url = f"http://127.0.0.1:{ports['outbound']}/"
            eventually(lambda: q.curl("-H", "Host: reviews", url)[0] == 200, what="restarted sidecar")
            eventually(lambda: q.https("shop.example.com", "/", "-H", "end-user: jason")[0] == 200, what="v2")
        finally:
            os.kill(serve, signal.SIGCONT)
    equal(before, [], "failures while the control process was away")
    wait_for_api(q)
    items = q.api("GET", "/apis/networking.istio.io/v1/virtualservices")["items"]
    expect(any(i["metadata"]["name"] == "reviews" for i in items), "resources after the restart")


@test
def gateway_killed(q):
    """a killed gateway is back within 1 s, and only its requests in flight are lost"""
    with Load(q.ports["http"], "shop.example.com", clients=4) as load:
        time.sleep(0.3)
        killed_at = time.monotonic()
        os.kill(child(q, "gateway", "istio-ingressgateway"), signal.SIGKILL)
        time.sleep(0.2)

        def back():
            with load.lock:
                start = load.ok
            time.sleep(0.05)
            return load.ok > start
        eventually(back, 5, 0.01, "answers after the kill")
        took = time.monotonic() - killed_at
        time.sleep(0.5)
    expect(took < 1.3, f"back after {took:.2f} s")
    expect(len(load.failures) <= 4, f"{len(load.failures)} failures: {load.failures[:8]}")
    equal(load.refused, 0, "refused connections")


@test
def restart_keeps_everything(q):
    """after a restart of the whole appliance on its data folder nothing is lost"""
    before = q.api("GET", "/apis/networking.istio.io/v1/virtualservices")["items"]
    equal(q.stop("serve"), 0, "exit status")
    q.start_appliance()
    after = q.api("GET", "/apis/networking.istio.io/v1/virtualservices")["items"]
    equal([i["spec"] for i in after], [i["spec"] for i in before])
    eventually(lambda: q.https("shop.example.com", "/")[0] == 200, 15, what="traffic after the restart")
    eventually(lambda: q.https("shop.example.com", "/out/payments.example.net")[0] == 200, 15, what="egress")


@test
def drain(q):
    """SIGTERM under load drops no request and ends with status 0"""
    with Load(q.ports["http"], "shop.example.com", path="/slow/30", clients=8) as load:
        time.sleep(1)
        status = q.stop("serve")
        load.stop()
    equal(status, 0, "exit status")
    equal(load.failures, [], "failures")
    expect(load.ok > 50, f"only {load.ok} requests")
