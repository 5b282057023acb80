"""Instructions per ack, under callgrind, against the number that is kept in bench/instructions.txt."""
import os
import re
import subprocess

from driver.load import HERE
from driver.process import BenchError
from driver.table import MISSED, REACHED, Row

KEPT = HERE / "instructions.txt"
WORSE_MAX = 0.05


def measured(tools):
    """(instructions per ack, compiler)."""
    folder = tools.fresh_folder("instructions")
    # callgrind counts each byte that `rep stosb` or `rep movsb` moves as an instruction; no processor
    # does, so the C library is asked to do without them.
    without_rep = ("glibc.cpu.x86_rep_stosb_threshold=1000000000:"
                   "glibc.cpu.x86_rep_movsb_threshold=1000000000")
    run = subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no",
                          f"--callgrind-out-file={folder / 'callgrind.out'}", tools.tool("ack_instructions")],
                         capture_output=True, text=True, env={**os.environ, "GLIBC_TUNABLES": without_rep})
    total = re.search(r"Collected : (\d+)", run.stderr)
    acks = re.search(r"^acks (\d+)$", run.stdout, re.MULTILINE)
    compiler = re.search(r"^compiler (.+)$", run.stdout, re.MULTILINE)
    if run.returncode != 0 or not (total and acks and compiler):
        raise BenchError(f"ack_instructions: {run.stdout[-200:]}{run.stderr[-400:]}")
    return int(total[1]) / int(acks[1]), compiler[1]


def kept():
    """(instructions per ack, compiler), or None when the file is not there."""
    if not KEPT.exists():
        return None
    text = KEPT.read_text()
    return (float(re.search(r"^instructions_per_ack (\d+)$", text, re.MULTILINE)[1]),
            re.search(r"^compiler (.+)$", text, re.MULTILINE)[1])


def keep(instructions, compiler):
    KEPT.write_text("# Instructions per ack: verify, parse, route, store (bench/ack_instructions.cpp).\n"
                    "# `make bench-check` fails when they grow by more than 5 %; after a change that is\n"
                    "# worth it, or another compiler: make bench-check BENCH=update, and say why.\n"
                    f"instructions_per_ack {instructions:.0f}\ncompiler {compiler}\n")


def row(tools):
    now, compiler = measured(tools)
    before = kept()
    if before is None:
        return Row("instructions per ack, one thread", f"{now:,.0f}", target="a number to compare with",
                   verdict=MISSED, notes=["bench/instructions.txt is missing"])
    ratio = now / before[0]
    notes = [] if compiler == before[1] else [f"kept with {before[1]}, measured with {compiler}"]
    return Row("instructions per ack, one thread", f"{now:,.0f}", f"{before[0]:,.0f} (kept)", f"{ratio:.3f}",
               f"≤ {1 + WORSE_MAX}", REACHED if ratio <= 1 + WORSE_MAX else MISSED, notes)
