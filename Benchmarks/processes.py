"""Starting, pinning, measuring and ending the processes of a benchmark. Linux only: reads /proc."""
import os
import re
import resource
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
    """An own session, enough descriptors, and more weight, so that other work disturbs less; harmless without root."""
    os.setsid()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    except (OSError, ValueError):
        pass
    try:
        with open("/proc/self/autogroup", "w") as group:
            group.write("-9")
        os.nice(-9)
    except OSError:
        pass


def start(command, cores, log):
    with open(log, "wb") as output:
        return subprocess.Popen(["taskset", "-c", cores] + command, stdin=subprocess.DEVNULL, stdout=output,
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


class SyscallCounter:
    """Counts the system calls of processes from now on, by perf; the kernel's tracepoint disturbs little."""

    def __init__(self, watched):
        pids = ",".join(str(pid) for process in watched for pid in tree(process.pid))
        self.perf = subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pids],
                                     stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)

    def total(self):
        self.perf.send_signal(signal.SIGINT)
        found = re.search(r"^(\d+),", self.perf.communicate()[1], re.M)
        return int(found[1]) if found else 0
