"""What one would otherwise run, under the same generators. Neither keeps an event through a crash."""
import http.client
import json

from driver import acks
from driver.host import SECRET
from driver.load import HERE, Requests, load_platform, post_events, send_chosen
from driver.process import BenchError, Process, free_port
from driver.table import Row, figure, median

HOOKS = [{
    "id": "webhook",
    "execute-command": "/bin/true",
    "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": SECRET,
                               "parameter": {"source": "header", "name": "X-Unique-Signature"}}},
    "trigger-rule-mismatch-http-response-code": 400,
}]
PYTHON_ANSWERS = 300
FLASK_WORKERS, FLASK_THREADS = 2, 32


def _answers(port):
    """Whether anything answers HTTP there; gunicorn listens long before it can."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _serving(process, port):
    try:
        process.await_output(lambda: _answers(port))
    except BenchError:
        process.stop()
        raise
    return process


def _webhook(tools):
    """adnanh/webhook: checks the HMAC, answers, and runs a command per event."""
    folder, port = tools.fresh_folder("webhook"), free_port()
    (folder / "hooks.json").write_text(json.dumps(HOOKS))
    command = ["webhook", "-hooks", folder / "hooks.json", "-ip", "127.0.0.1", "-port", port, "-urlprefix", ""]
    return _serving(Process(command, folder / "log"), port), port


def _flask(tools, platform_port=1):
    """The usual script: checks, acknowledges, and starts a thread that makes the seven calls."""
    folder, port = tools.fresh_folder("flask"), free_port()
    command = ["gunicorn", "-w", FLASK_WORKERS, "-k", "gthread", "--threads", FLASK_THREADS,
               "-b", f"127.0.0.1:{port}", "--chdir", HERE, "rival_flask:app"]
    environment = {"PATH": "/usr/bin:/bin", "UNIQUE_ENDPOINT_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1",
                   "UNIQUE_API_BASE": f"http://127.0.0.1:{platform_port}/public/chat-gen2"}
    return _serving(Process(command, folder / "log", environment), port), port


def _acks(bench, start):
    rates, p99 = [], []
    with Requests(bench.tools, 0, acks.PER_SECOND_MAX * bench.plot_seconds) as requests:
        for _ in range(bench.rounds):
            server, port = start(bench.tools)
            with server:
                result = post_events(port, requests, acks.CONNECTIONS, bench.plot_seconds)
            rates.append(result["per_second"])
            p99.append(result["p99_ms"])
    return median(rates), median(p99)


def _ack_row(bench, name, start):
    per_second, p99_ms = _acks(bench, start)
    return Row(f"{name}: acks a second, not durable", figure(per_second, "/s"),
               notes=[f"p99 of an ack: {p99_ms:.1f} ms"])


def _flask_answers(bench):
    rates = []
    for _ in range(bench.rounds):
        with load_platform(bench.tools) as platform:
            server, port = _flask(bench.tools, platform.port())
            with server:
                result = send_chosen(bench.tools, port, platform.port(), PYTHON_ANSWERS, 0, FLASK_THREADS)
        rates.append(1000 * result["answered"] / result["first_post_to_last_answer_ms"])
    return Row("Flask under gunicorn: answers a second", figure(median(rates), "/s"))


def rivals(bench):
    rows = []
    if bench.tools.has("webhook"):
        rows.append(_ack_row(bench, "adnanh/webhook", _webhook))
    else:
        bench.say("skipped: adnanh/webhook is not installed (package webhook)")
    if bench.tools.has("gunicorn"):
        rows.append(_ack_row(bench, "Flask under gunicorn", _flask))
        rows.append(_flask_answers(bench))
    else:
        bench.say("skipped: Flask under gunicorn is not installed (packages gunicorn, python3-flask)")
    return rows
