"""Runs a load generator and reads what it says."""
import re
import subprocess

import processes


class Outcome:
    def __init__(self, requests, rate, complaint):
        self.requests, self.rate, self.complaint = requests, rate, complaint


def run(command, cores):
    """None when nothing was answered."""
    output = subprocess.run(["taskset", "-c", cores] + command, capture_output=True, text=True,
                            preexec_fn=processes.privileged).stdout
    if command[0] == "h2load":
        done = re.search(r"(\d+) succeeded", output)
        rate = re.search(r"([\d.]+) req/s", output)
        bad = re.search(r"(\d+) failed", output)
        complaint = f"{bad[1]} failed" if bad and bad[1] != "0" else ""
    else:
        done = re.search(r"(\d+) requests in", output)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
        errors = re.search(r"Socket errors: (.*)", output)
        complaint = (f"{bad[1]} bad answers " if bad else "") + (errors[1] if errors else "")
        resumed = re.search(r"Resumed: (\d+)", output)
        if resumed and done and command[-1] == "resume" and int(resumed[1]) * 10 < int(done[1]) * 9:
            complaint += f" only {resumed[1]} of {done[1]} handshakes were resumed"
    if not done or not rate or done[1] == "0":
        return None
    return Outcome(int(done[1]), float(rate[1]), complaint)
