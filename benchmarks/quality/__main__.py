"""Runs the benchmark, cell by cell, and writes its tables and pictures into the page.

    python -m benchmarks.quality false-alarms delay defaults lines outcomes real logs --results DIR
    python -m benchmarks.quality page --results DIR

A cell that is there already is not measured again. `--only TEXT` measures the cells whose name contains it, `--share 1/2` every
second one from the first (two processes: 1/2 and 2/2).
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from benchmarks.quality import scenarios
from benchmarks.quality.cells import Cells

QUESTIONS = ("false-alarms", "delay", "defaults", "lines", "outcomes", "real", "logs")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="+", choices=(*QUESTIONS, "all", "page"))
    parser.add_argument("--results", type=Path, default=Path("out/quality"))
    parser.add_argument("--only", default="")
    parser.add_argument("--share", default="1/1")
    options = parser.parse_args()
    nulls, changes = scenarios.load()
    mine, of = (int(number) for number in options.share.split("/"))
    cells = Cells(options.results, only=options.only, share=(mine, of))
    for what in QUESTIONS if options.what == ["all"] else options.what:
        if what == "page":
            importlib.import_module("benchmarks.quality.page").write(cells)
        elif what == "false-alarms":
            importlib.import_module("benchmarks.quality.false_alarms").run(cells, nulls)
        else:
            importlib.import_module(f"benchmarks.quality.{what}").run(cells, nulls, changes)


if __name__ == "__main__":
    main()
