"""The load generators and the yardsticks."""
import json
import pathlib
import shutil
import subprocess

from driver.process import BenchError, Process

HERE = pathlib.Path(__file__).parent.parent
WRK_THREADS = 2
HOST_THREADS = 4  # gate.threads, as it comes


class Tools:
    """Where the programs lie, and the folder that holds what they need."""

    def __init__(self, build, folder, quick, keep):
        build = pathlib.Path(build).resolve()
        self.bin = build / "bin"
        self.modules = build / "modules"
        self.host = self.bin / "modhost"
        self.folder = pathlib.Path(folder)
        self.quick = quick
        self.keep = keep
        self._folders = 0

    def tool(self, name):
        return self.bin / f"bench_{name}"

    def fresh_folder(self, name):
        self._folders += 1
        path = self.folder / f"{self._folders:03}-{name}"
        path.mkdir(parents=True)
        return path

    @staticmethod
    def has(program):
        return shutil.which(program) is not None


class Requests:
    """Signed requests in files for wrk, one file per thread. In memory where there is room, as
    writing them back would disturb the fsyncs that are measured."""

    def __init__(self, tools, first, count):
        memory = pathlib.Path("/dev/shm")
        base = memory if memory.is_dir() and shutil.disk_usage(memory).free > 4e9 else tools.folder
        self.folder = base / f"modhost-bench-{tools.folder.name}-{first}"
        self.folder.mkdir(exist_ok=True)
        subprocess.run([tools.tool("make_events"), self.folder, str(first), str(count),
                        str(WRK_THREADS)], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def wrk(port, script, connections, seconds, arguments=(), path=""):
    """Runs wrk; the script's result. `-t` never exceeds the connections, as wrk wants it."""
    threads = min(WRK_THREADS, connections)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
               "-s", str(HERE / script), f"http://127.0.0.1:{port}{path}"]
    if arguments:
        command += ["--"] + [str(argument) for argument in arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            result = json.loads(line[len("RESULT "):])
            result["per_second"] = result["requests"] / result["seconds"]
            return result
    raise BenchError(f"wrk gave no result: {done.stdout[-300:]} {done.stderr[-300:]}")


def post_events(port, requests, connections, seconds):
    """Fails when anything but 2xx came back or the requests ran out: such a run counts for nothing."""
    result = wrk(port, "post_events.lua", connections, seconds, [requests.folder])
    if result["exhausted"]:
        raise BenchError("post_events: the requests ran out; make more of them")
    if not result["requests"]:
        raise BenchError("post_events: nothing was answered")
    bad = {key: result[key] for key in ("non_2xx", "failed", "timeouts") if result[key]}
    if bad:
        raise BenchError(f"post_events: {bad} of {result['requests']} requests")
    return result


def bare_server(tools, connections):
    """Poco needs a thread for each kept connection: with fewer, some would never be served."""
    threads = max(HOST_THREADS, connections + 1)
    return Process([tools.tool("bare_server"), threads], tools.fresh_folder("bare") / "log")


def load_platform(tools, other_ms=0, completion_ms=0):
    return Process([tools.tool("load_platform"), other_ms, completion_ms],
                   tools.fresh_folder("platform") / "log")


def send_chosen(tools, host_port, platform_port, count, rate, connections, first=0):
    done = subprocess.run([tools.tool("send_chosen"), *map(str, (
        host_port, platform_port, count, rate, connections, first))], capture_output=True, text=True)
    if done.returncode != 0 or not done.stdout:
        raise BenchError(f"send_chosen: not all were answered: {done.stdout[-500:]}{done.stderr[-300:]}")
    result = json.loads(done.stdout)
    if result["refused"] or result["apologised"]:
        raise BenchError(f"send_chosen: {result['refused']} refused, {result['apologised']} apologies")
    return result
