"""Starting, pinning, measuring and ending the processes of a benchmark. Linux only: reads /proc."""
import os
import re
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def privileged():
    """An own session with more weight, so that other work on the machine disturbs less; needs root, else harmless."""
    os.setsid()
    try:
        with open("/proc/self/autogroup", "w") as group:
            group.write("-9")
        os.nice(-9)
    except OSError:
        pass


def start(command, core, log):
    with open(log, "wb") as output:
        return subprocess.Popen(["taskset", "-c", str(core)] + command, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, preexec_fn=privileged)


def stop(process):
    """Ends a process of ours and what it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tree(pid):
    found, todo = [], [pid]
    while todo:
        process = todo.pop()
        found.append(process)
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/children") as children:
                    todo += [int(child) for child in children.read().split()]
        except OSError:
            pass
    return found


def cpu_nanoseconds(pid):
    """Time on a CPU of all threads of a process and its children."""
    total = 0
    for process in tree(pid):
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/schedstat") as statistics:
                    total += int(statistics.read().split()[0])
        except OSError:
            pass
    return total


def resident_kilobytes(pid):
    total = 0
    for process in tree(pid):
        try:
            with open(f"/proc/{process}/status") as status:
                line = re.search(r"VmRSS:\s+(\d+)", status.read())
                total += int(line[1]) if line else 0
        except OSError:
            pass
    return total
