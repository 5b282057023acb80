"""Rows about conversations: chosen events, rag-responder's seven calls, load_platform."""
from driver.host import Host
from driver.load import load_platform, send_chosen, wrk
from driver.process import BenchError
from driver.table import bounded, median, versus

CONNECTIONS = 64  # conversations at once, and connections of the bare calls
CALLS = 7
RATE = 50
ADDED_OTHER_MS, ADDED_COMPLETION_MS = 5, 200
MANY, MANY_OTHER_MS, MANY_COMPLETION_MS, MANY_SLACK_MS = 2_000, 20, 2_000, 1_000


def _bare_calls(bench):
    with load_platform(bench.tools) as platform:
        result = wrk(platform.port(), "bare_calls.lua", CONNECTIONS, bench.seconds)
    bad = result["non_2xx"] + result["failed"] + result["timeouts"]
    if bad:
        raise BenchError(f"bare_calls: {bad} of {result['requests']} calls failed")
    return result["per_second"] / CALLS


def _answers(bench, isolation):
    tools = bench.tools
    with load_platform(tools) as platform, \
            Host(tools, tools.fresh_folder("answers"), platform.port(), isolation,
                 concurrency=CONNECTIONS) as host:
        before = host.cpu_seconds()
        result = send_chosen(tools, host.webhook_port, platform.port(), bench.answers, 0, CONNECTIONS)
        result["per_second"] = 1000 * result["answered"] / result["first_post_to_last_answer_ms"]
        result["cpu_us"] = 1e6 * (host.cpu_seconds() - before) / result["answered"]
        return result


def answers(bench):
    bare, ours = [], {"in_process": [], "worker": []}
    for _ in range(bench.rounds):
        bare.append(_bare_calls(bench))
        for isolation, found in ours.items():
            found.append(_answers(bench, isolation))
    rows = []
    for isolation, least in (("in_process", 0.50), ("worker", 0.35)):
        found = ours[isolation]
        notes = [f"connects to the platform: {max(r['connects'] for r in found)} for "
                 f"{max(r['calls'] for r in found):,} calls",
                 f"CPU per answer: {median([r['cpu_us'] for r in found]):.0f} µs"]
        rows.append(versus(f"answers a second, {isolation.replace('_', ' ')}",
                           [r["per_second"] for r in found], bare, "/s", least=least, notes=notes))
    return rows


def added_time(bench):
    found = []
    for _ in range(bench.rounds):
        tools = bench.tools
        with load_platform(tools, ADDED_OTHER_MS, ADDED_COMPLETION_MS) as platform, \
                Host(tools, tools.fresh_folder("added"), platform.port()) as host:
            found.append(send_chosen(tools, host.webhook_port, platform.port(), RATE * bench.seconds, RATE,
                                     CONNECTIONS))
    name = f"time added to an answer at {RATE} conversations a second, "
    return [bounded(name + "p50", [r["added_p50_ms"] for r in found], "ms", 2,
                    notes=[f"of it until the ack: {median([r['ack_p50_ms'] for r in found]):.2f} ms"]),
            bounded(name + "p99", [r["added_p99_ms"] for r in found], "ms", 15)]


def many_in_flight(bench):
    found = []
    for _ in range(bench.rounds):
        tools = bench.tools
        with load_platform(tools, MANY_OTHER_MS, MANY_COMPLETION_MS) as platform, \
                Host(tools, tools.fresh_folder("many"), platform.port(), concurrency=MANY, answering="conversing",
                     window=2 * MANY, platform_connections_max=MANY) as host:
            result = send_chosen(tools, host.webhook_port, platform.port(), MANY, 0, CONNECTIONS)
            result["rss_mib"] = host.peak_rss_mib()
            found.append(result)
    own_ms = MANY_COMPLETION_MS + (CALLS - 1) * MANY_OTHER_MS
    notes = [f"most added to one conversation: {max(r['added_max_ms'] for r in found):.0f} ms",
             f"connects to the platform: {max(r['connects'] for r in found):,}"]
    return [bounded(f"{MANY:,} conversations at once: first post to last answer",
                    [r["first_post_to_last_answer_ms"] for r in found], "ms", own_ms + MANY_SLACK_MS, notes),
            bounded("RSS of host and worker with them", [r["rss_mib"] for r in found], "MiB", 256, worst=True)]
