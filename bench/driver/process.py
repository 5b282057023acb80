"""Processes that a measurement starts: their output, ports, CPU time and memory."""
import os
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60
STOP_SECONDS = 60


class BenchError(Exception):
    """A measurement that can not be trusted, with the reason."""


def wait_until(condition, seconds, what):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise BenchError(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def free_port():
    """For programs that can not be asked for the port they got."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _stat(pid):
    """The fields of /proc/<pid>/stat from `state` on; None when it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


class Process:
    """One program with its stdout and stderr in a file; killed when the `with` ends."""

    def __init__(self, arguments, log, environment=None, cwd=None):
        self.log = log
        self.name = os.path.basename(str(arguments[0]))
        with open(log, "ab") as out:
            self.child = subprocess.Popen([str(a) for a in arguments], stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, env=environment, cwd=cwd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.child.pid

    def text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def words(self, line_start):
        """The rest of the first whole line of the output that begins so; None until it is there."""
        for line in self.text().splitlines(keepends=True):
            if line.startswith(line_start) and line.endswith("\n"):
                return line[len(line_start):].strip()
        return None

    def await_output(self, found):
        """`found()` once it is true; fails with the program's last words when the program ends."""
        limit = time.monotonic() + START_SECONDS
        while True:
            value = found()
            if value:
                return value
            if self.child.poll() is not None or time.monotonic() > limit:
                raise BenchError(f"{self.name} did not get ready: {self.text()[-500:]}")
            time.sleep(0.002)

    def port(self):
        """Of a program that prints `port N`."""
        return int(self.await_output(lambda: self.words("port ")))

    def stop(self, sig=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(sig)
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def family(self):
        """Its pid and those of its living descendants."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                stat = _stat(entry)
                if stat:
                    parents.setdefault(int(stat[1]), []).append(int(entry))
        found = [self.pid]
        for pid in found:
            found.extend(parents.get(pid, []))
        return found

    def cpu_seconds(self):
        """User and system time of it and its descendants, the ended ones included."""
        ticks = 0
        for pid in self.family():
            stat = _stat(pid)
            if stat:
                ticks += sum(int(field) for field in stat[11:15])
        return ticks / TICKS

    def peak_rss_mib(self):
        """The sum of the family's peaks."""
        total = 0
        for pid in self.family():
            try:
                with open(f"/proc/{pid}/status") as file:
                    lines = file.readlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
        return total / 1024
