"""Rows about `modhost inbox backup` beside the host: acks while backups of a large inbox run one after
another, onto the same disk, against the same host a moment earlier or later without."""
import subprocess
import threading
import time

from driver.acks import CONNECTIONS, PER_SECOND_MAX, Backlog
from driver.host import Host
from driver.load import Requests, post_events
from driver.process import BenchError
from driver.table import median, versus


class Backups:
    """One after another as long as the `with` lasts; the last one is waited for."""

    def __init__(self, tools, inbox):
        self.seconds, self.wal_mib, self.error = [], 0, ""
        self._target = inbox.with_name("backup.db")
        self._wal = inbox.with_name(inbox.name + "-wal")
        self._command = [tools.host, "inbox", "backup", "--force", "--inbox", inbox, self._target]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._over.is_set() and not self.error:
            started = time.monotonic()
            done = subprocess.run(self._command, capture_output=True, text=True)
            self.seconds.append(time.monotonic() - started)
            self.error = done.stderr if done.returncode else ""
            self.wal_mib = max(self.wal_mib, self._wal.stat().st_size >> 20)
            self.size_mib = self._target.stat().st_size >> 20 if not self.error else 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._target.unlink(missing_ok=True)


class Inbox(Backlog):
    """A large one, and what a running host acknowledges with it."""

    def posted(self, host, count):
        with Requests(self.bench.tools, self._next, count) as requests:
            self._next += count
            return post_events(host.webhook_port, requests, CONNECTIONS, self.bench.seconds)

    def pair(self, backups_first):
        """(with backups, without, the backups), of one host that delivers all before it goes on."""
        count = PER_SECOND_MAX * self.bench.seconds
        found = {}
        with Host(self.bench.tools, self.folder, held=True, lasting=True) as host:
            for beside in (backups_first, not backups_first):
                if beside:
                    with Backups(self.bench.tools, self.folder / "inbox.db") as backups:
                        found[beside] = self.posted(host, count)
                else:
                    found[beside] = self.posted(host, count)
                host.drain(to=self.size)
        if backups.error:
            raise BenchError(f"inbox backup: {backups.error}")
        return found[True], found[False], backups


def beside_backups(bench):
    inbox = Inbox(bench)
    inbox.grow(bench.backlogs[-1])
    pairs = [inbox.pair(backups_first=bool(turn % 2)) for turn in range(2 * bench.rounds)]
    inbox.delete()
    beside, alone, backups = zip(*pairs)
    each = [seconds for one in backups for seconds in one.seconds]
    notes = [f"p99 of an ack: {median([r['p99_ms'] for r in beside]):.1f} ms, without "
             f"{median([r['p99_ms'] for r in alone]):.1f} ms",
             f"a backup: {max(b.size_mib for b in backups):,} MiB in {median(each):.1f} s (median of {len(each)}); "
             f"WAL at most {max(b.wal_mib for b in backups):,} MiB"]
    return [versus(f"acks a second beside backups of {inbox.size:,} waiting, against none",
                   [r["per_second"] for r in beside], [r["per_second"] for r in alone], "/s", least=0.5,
                   notes=notes)]
