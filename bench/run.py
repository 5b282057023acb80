#!/usr/bin/env python3
"""Measures modhost against what bounds it and prints one table: `make bench` calls it.

  bench/run.py --build build/release [--quick] [--only acks,answers] [--keep FOLDER]
  bench/run.py --build build/release --check | --update     instructions per ack only

Quick takes about two minutes, proves that every part runs, and writes no page: its figures mean little.
Exit status: 0 when every row could be measured, whatever its verdict; 1 otherwise. --check: 1 when the
instructions per ack have grown by more than 5 %.
"""
import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from driver import acks, answers, backup, instructions, report, rivals  # noqa: E402
from driver.load import Tools  # noqa: E402
from driver.process import BenchError  # noqa: E402
from driver.table import MISSED  # noqa: E402


class Bench:
    """How much is measured."""

    def __init__(self, tools):
        quick = tools.quick
        self.tools = tools
        self.rounds = 1 if quick else 3
        self.seconds = 2 if quick else 8
        self.plot_seconds = 1 if quick else 4
        self.answers = 1_000 if quick else 10_000
        self.backlogs = (0, 20_000) if quick else (0, 10_000, 100_000, 300_000, 1_000_000)
        self.started = time.monotonic()

    def say(self, text):
        print(f"[{time.monotonic() - self.started:4.0f} s] {text}", file=sys.stderr, flush=True)


def measurements(bench, images):
    """{name: function that returns rows}, in the table's order. Plots go to `images`."""
    seen = {}

    def plotted_acks():
        rows = acks.durable_acks(bench)
        seen["connections"] = acks.over_connections(bench)
        images.update(report.plots(seen["connections"], None))
        return rows

    def plotted_backlog():
        rows, over = acks.backlog(bench)
        if "connections" in seen:
            images.update(report.plots(seen["connections"], over))
        return rows

    return {"acks": plotted_acks,
            "answers": lambda: answers.answers(bench),
            "added": lambda: answers.added_time(bench),
            "many": lambda: answers.many_in_flight(bench),
            "backlog": plotted_backlog,
            "backup": lambda: backup.beside_backups(bench),
            "strangers": lambda: acks.slow_strangers(bench),
            "instructions": lambda: [instructions.row(bench.tools)],
            "rivals": lambda: rivals.rivals(bench)}


def measure_all(bench, only):
    """(rows, images, whether all could be measured)."""
    rows, images, complete = [], {}, True
    for name, measure in measurements(bench, images).items():
        if only and name not in only:
            continue
        bench.say(f"{name} …")
        try:
            rows += measure()
        except BenchError as error:
            complete = False
            bench.say(f"{name}: NOT MEASURED: {error}")
    return rows, images, complete


def check(tools):
    row = instructions.row(tools)
    print(report.text_table([row]))
    if row.verdict != MISSED:
        return 0
    print("\nThe way of an acknowledgement has become longer. If that is worth it, or the compiler or a\n"
          "library changed: make bench-check BENCH=update, and say why in the commit.", file=sys.stderr)
    return 1


def update(tools):
    instructions.keep(*instructions.measured(tools))
    print(instructions.KEPT.read_text(), end="")
    return 0


def run(tools, only):
    bench = Bench(tools)
    rows, images, complete = measure_all(bench, only)
    print(report.text_table(rows))
    if complete and not only and not tools.quick:
        report.write(bench, rows, images)
        bench.say(f"wrote {report.PAGE.relative_to(report.ROOT)} and {len(images)} plots")
    return 0 if complete else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--quick", action="store_true", help="a smoke run of about two minutes")
    parser.add_argument("--only", default="", help="names of measurements, with commas")
    parser.add_argument("--keep", metavar="FOLDER", help="where logs and inboxes stay; deleted without it")
    parser.add_argument("--check", action="store_true", help="only compare the instructions per ack")
    parser.add_argument("--update", action="store_true", help="only keep the instructions per ack")
    options = parser.parse_args()
    # Beside what was built: /tmp may be memory, where an fsync costs nothing.
    folder = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="bench-", dir=options.build))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    folder.mkdir(parents=True, exist_ok=True)
    tools = Tools(options.build, folder.resolve(), options.quick, bool(options.keep))
    try:
        if options.check:
            return check(tools)
        if options.update:
            return update(tools)
        return run(tools, set(filter(None, options.only.split(","))))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
