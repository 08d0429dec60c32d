"""What every benchmark needs: where things are, what a command cost, a table of it, and a record for `bench/all`."""

import json
import os
import pathlib
import statistics
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
WORK = BENCH / ".work"
SCRAPE = ROOT / ".build/release/scrape"


def note(text):
    print(text, file=sys.stderr, flush=True)


def sh(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, **more)


def build_measure():
    WORK.mkdir(mode=0o700, exist_ok=True)
    sh("gcc", "-O2", "-Wall", "-Wextra", "-o", WORK / "measure", BENCH / "measure.c")


def build_scrape():
    sh("swift", "build", "-c", "release", "--static-swift-stdlib", "--package-path", ROOT, "--product", "scrape",
       stdout=sys.stderr)


def measure(words, **more):
    """CPU s, wall s, peak MiB of the largest process, standard output."""
    figures = WORK / "figures"
    done = subprocess.run([str(w) for w in [WORK / "measure", figures, *words]], stdout=subprocess.PIPE, **more)
    cpu, wall, peak, status = figures.read_text().split()
    return float(cpu), float(wall), int(peak) / 1024, done.stdout.decode(errors="replace")


def shown(rounds, digits=2):
    """The median of some rounds; of three or more with half of their range: `1.16 ±0.03`."""
    text = f"{statistics.median(rounds):.{digits}f}"
    return f"{text} ±{(max(rounds) - min(rounds)) / 2:.{digits}f}" if len(rounds) > 2 else text


def record(name, value):
    """Keeps a figure, or that of each round, for `bench/all`, which names the file; alone, a benchmark only prints."""
    path = os.environ.get("BENCH_FIGURES")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps([name, value]) + "\n")


def table(head, rows, name=None):
    """Prints a table; a name keeps it for `bench/all`, too."""
    if name:
        record(f"table {name}", [list(map(str, row)) for row in [head, *rows]])
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
