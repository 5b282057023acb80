"""The real host, with a folder, a configuration and an inbox of its own."""
import os
import pathlib
import re
import shutil
import time
import urllib.request

from driver.process import BenchError, Process, wait_until

SECRET = "whsec_bench_secret"
DRAIN_SECONDS = 300
# Whatever proxy is set, loopback is not asked through it.
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))

CONFIGURATION = """\
listen: 127.0.0.1:0
log: {{format: text}}
admin: 127.0.0.1:0
webhook: {{secrets: ["{secret}"]}}
gate: {{connections_max: {connections_max}}}
platform: {{api_base: "http://127.0.0.1:{platform_port}/public/chat-gen2", api_key: bench-key,
  app_id: bench-app, connections_max: {platform_connections_max}}}
inbox: {{sqlite: {{path: inbox.db}}, waiting_max: 10000000}}
dispatch: {{window: {window}, answer_within: 1d, drain: 1s}}
run_dir: run
modules_dir: "{modules}"
modules:
  - {{id: message-logger, isolation: in_process, config: {{file: "{folder}/messages.jsonl"}}}}
  - {{id: {answering}, isolation: {isolation}, answers: true, concurrency: {concurrency}}}
{more_modules}\
routes:
  - {{event: unique.chat.user-message.created, to: message-logger}}
  - {{event: unique.chat.external-module.chosen, to: {answering}}}
"""
HELD_MODULE = "  - {id: held, isolation: in_process}\n"


class Host(Process):
    """Started and ready; `ready_seconds` is how long that took. What it wrote is deleted when it
    stops, unless it is `lasting` (so that the inbox can be started again) or --keep was given."""

    def __init__(self, tools, folder, platform_port=1, isolation="worker", concurrency=256,
                 answering="rag-responder", window=1024, platform_connections_max=256, connections_max=4000, held=False,
                 lasting=False):
        self.folder = pathlib.Path(folder)
        self.deletes = not (lasting or tools.keep)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "modules.yaml"
        file.write_text(CONFIGURATION.format(
            secret=SECRET, platform_port=platform_port, isolation=isolation, window=window,
            answering=answering,
            concurrency=concurrency, platform_connections_max=platform_connections_max,
            connections_max=connections_max, modules=tools.modules, folder=folder,
            more_modules=HELD_MODULE if held else ""))
        log = self.folder / "host.log"
        log.unlink(missing_ok=True)
        started = time.monotonic()
        super().__init__([tools.host, "run", "-c", file], log,
                         environment={"PATH": os.environ["PATH"]})
        try:
            ready = self.await_output(self._ready_line)
        except BenchError:
            self.stop()
            raise
        self.ready_seconds = time.monotonic() - started
        self.webhook_port = int(re.search(r"webhook=http://127\.0\.0\.1:(\d+)", ready)[1])
        self.admin_port = int(re.search(r"admin=http://127\.0\.0\.1:(\d+)", ready)[1])

    def stop(self, *signals):
        super().stop(*signals)
        if self.deletes:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ready_line(self):
        found = re.search(r"^.*app: ready .*\n", self.text(), re.MULTILINE)
        return found and found[0]

    def metric(self, name):
        """The value of a metric without labels; 0 when it is not shown."""
        with LOOPBACK.open(f"http://127.0.0.1:{self.admin_port}/metrics") as reply:
            text = reply.read().decode()
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def waiting(self):
        return int(self.metric("modhost_inbox_waiting_deliveries") +
                   self.metric("modhost_inbox_running_deliveries"))

    def drain(self, to=0):
        """Waits until no more than `to` deliveries are open."""
        wait_until(lambda: self._pause() or self.waiting() <= to, DRAIN_SECONDS, "draining the host")

    @staticmethod
    def _pause():
        time.sleep(0.05)
