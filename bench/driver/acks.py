"""Rows about acknowledgements: signed user-message events, inbox with fsync, message-logger in
process; against Poco's bare HTTPServer and the same generator."""
import shutil

from driver.host import Host
from driver.load import Requests, bare_server, post_events, wrk
from driver.process import BenchError, Process
from driver.table import MISSED, bounded, median, versus

CONNECTIONS = 64
PER_SECOND_MAX = 70_000  # requests are made for this rate; a run that uses them up is refused
PLOT_CONNECTIONS = (1, 4, 16, 64, 128, 256)
STRANGERS = 2_000  # dripping, and as many idle
STRANGERS_CONNECTIONS_MAX = 6_000  # gate.connections_max; as it comes it is 4,000


def _bare(tools, requests, connections, seconds):
    with bare_server(tools, connections) as server:
        port = server.port()
        result = post_events(port, requests, connections, seconds)
        result["cpu_us"] = 1e6 * server.cpu_seconds() / result["requests"]
        return result


def _host(tools, requests, connections, seconds):
    """CPU counts until the last event was delivered, not only until it was acknowledged."""
    with Host(tools, tools.fresh_folder("acks")) as host:
        before = host.cpu_seconds()
        result = post_events(host.webhook_port, requests, connections, seconds)
        result["left"] = host.waiting()
        host.drain()
        result["cpu_us"] = 1e6 * (host.cpu_seconds() - before) / result["requests"]
        commits = host.metric("modhost_inbox_batch_writes_count")
        result["batch"] = host.metric("modhost_inbox_batch_writes_sum") / max(commits, 1)
        return result


def durable_acks(bench):
    ours, bare = [], []
    seconds = bench.seconds
    with Requests(bench.tools, 0, PER_SECOND_MAX * seconds) as requests:
        for _ in range(bench.rounds):
            bare.append(_bare(bench.tools, requests, CONNECTIONS, seconds))
            ours.append(_host(bench.tools, requests, CONNECTIONS, seconds))

    def row(name, key, unit, **wanted):
        return versus(name, [r[key] for r in ours], [r[key] for r in bare], unit, **wanted)

    notes = [f"undelivered when the load ended: {max(r['left'] for r in ours):,}",
             f"writes per commit: {median([r['batch'] for r in ours]):.1f}"]
    return [row("durable acks a second", "per_second", "/s", least=0.55, aim=0.80, notes=notes),
            row("p99 of an ack", "p99_ms", "ms", most=3),
            row("CPU per ack, delivery included", "cpu_us", "µs", most=2.5, aim=1.5)]


def over_connections(bench):
    """For the plots: {"host": [(connections, result)], "bare": …}."""
    seconds = bench.plot_seconds
    found = {"host": [], "bare": []}
    with Requests(bench.tools, 0, 2 * PER_SECOND_MAX * seconds) as requests:
        for connections in PLOT_CONNECTIONS:
            found["bare"].append((connections, _bare(bench.tools, requests, connections, seconds)))
            found["host"].append((connections, _host(bench.tools, requests, connections, seconds)))
    return found


# --- a backlog ---


class Backlog:
    """An inbox whose `held` module keeps one event, with more and more behind it."""

    def __init__(self, bench):
        self.bench = bench
        self.folder = bench.tools.fresh_folder("backlog")
        self.size = 0
        self._next = 1 << 40  # numbers of events that are in no other run

    def grow(self, size):
        fill = [self.bench.tools.tool("fill_inbox"), self.folder / "inbox.db", "held",
                self._next, size - self.size]
        log = self.folder / "fill.log"
        with Process(fill, log) as filler:
            if filler.child.wait() != 0:
                raise BenchError(f"fill_inbox: {filler.text()}")
        self._next += size - self.size
        self.size = size

    def measure(self, seconds):
        tools = self.bench.tools
        count = PER_SECOND_MAX * seconds
        with Requests(tools, self._next, count) as requests, \
                Host(tools, self.folder, held=True, lasting=True) as host:
            self._next += count
            before = host.cpu_seconds()
            result = post_events(host.webhook_port, requests, CONNECTIONS, seconds)
            result["rss_mib"] = host.peak_rss_mib()
            host.drain(to=self.size)
            result["cpu_us"] = 1e6 * (host.cpu_seconds() - before) / result["requests"]
            result["ready_s"] = host.ready_seconds
            if host.waiting() < self.size:
                raise BenchError(f"the backlog of {self.size} ran off")
            return result

    def delete(self):
        if not self.bench.tools.keep:
            shutil.rmtree(self.folder)


def backlog(bench):
    """The rows, and for the plot [(waiting, result)]."""
    full, over = Backlog(bench), []
    for size in bench.backlogs:
        full.grow(size)
        over.append((size, full.measure(bench.plot_seconds)))
    empty_results, full_results = [], []
    for _ in range(bench.rounds):
        empty = Backlog(bench)
        empty_results.append(empty.measure(bench.seconds))
        empty.delete()
        full_results.append(full.measure(bench.seconds))
    full.delete()
    waiting = f"{full.size:,} waiting"
    rows = [versus(f"acks a second with {waiting}, against none", [r["per_second"] for r in full_results],
                   [r["per_second"] for r in empty_results], "/s", least=0.85),
            bounded(f"RSS with {waiting}", [r["rss_mib"] for r in full_results], "MiB", 150, worst=True),
            bounded(f"ready after the start with {waiting}", [r["ready_s"] for r in full_results], "s", 2,
                    worst=True)]
    return rows, over


# --- slow strangers ---


def _beside(bench, requests, kind):
    """Good requests beside STRANGERS that drip and as many that are idle."""
    tools = bench.tools
    with Host(tools, tools.fresh_folder("strangers"), connections_max=STRANGERS_CONNECTIONS_MAX) as host:
        strangers = [tools.tool("drip"), host.webhook_port, kind, STRANGERS, STRANGERS]
        with Process(strangers, host.folder / "drip.log") as drip:
            drip.await_output(lambda: "up" in drip.text())
            result = wrk(host.webhook_port, "post_events.lua", CONNECTIONS, bench.seconds, [requests.folder])
            if drip.child.poll() is not None:
                raise BenchError(f"drip ended: {drip.text()}")
        if result["exhausted"]:
            raise BenchError("post_events: the requests ran out; make more of them")
        result["bad"] = result["non_2xx"] + result["failed"] + result["timeouts"]
        return result


def slow_strangers(bench):
    results = {"heads": [], "bodies": []}
    with Requests(bench.tools, 0, PER_SECOND_MAX * bench.seconds) as requests:
        for _ in range(bench.rounds):
            for kind, found in results.items():
                found.append(_beside(bench, requests, kind))
    rows = []
    for kind, found in results.items():
        row = bounded(f"p99 beside {STRANGERS:,} dripping {kind} and {STRANGERS:,} idle",
                      [r["p99_ms"] for r in found], "ms", 25)
        bad = sum(r["bad"] for r in found)
        row.target += ", none fails"
        row.notes = [f"acks a second: {median([r['per_second'] for r in found]):,.0f}", f"failed: {bad}"]
        if bad:
            row.verdict = MISSED
        rows.append(row)
    return rows
