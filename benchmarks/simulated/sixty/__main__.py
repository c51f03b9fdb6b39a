"""What audits and check parts find, and when: a station of sixty days through the agent's own rules, truth joined afterwards.

    python -m benchmarks.simulated.sixty QUESTION [--seeds N] [--out FOLDER] [--cell NAME …]
    python -m benchmarks.simulated.sixty table --out FOLDER      # the tables of what is there so far

A history is a line of JSON in FOLDER/CELL.jsonl; what is there is not played again. Questions: fault, variation, steady (ramp and
policy at constant quality), reviewers (false finds), stopped (outcomes that end).

Simulated: 28 parts a minute around the clock, 0.2 % defective in one mode, of which the model passes 2 %, and 20 % from some
time of day 10 on, as confident as any pass; commissioning of 12,000 parts, all looked at; audits drawn by the agent's planner;
two reviewers who miss 23 % each, find something at 0.05 % of good parts, answer late and sometimes never; a blind second look
at every find; check parts in rounds, each missed as often as a part. Sizes and their sources: agent/demo/line/magnitudes.py.
The agent is given records (verdict, score, outcomes, masters), never what is true.

The agent is `Station` with its own planner, ledger, accounts, claims, tests, checks, blind spots, alarms, incidents and holds,
on a quick road that folds only records which can matter to truth (`station.py`; tests/benchmarks/test_sixty.py plays short
histories on it and through the whole core: the same alarms to the byte, requests, judged audits and held spans). The draw comes
from a generator in place of the planner's hash, which is the slowest thing of all (the test uses the hash); nothing tightens
audits here, as they are declared at their most. Not simulated: pictures, score channels, reject rate, identity, silence of
results; recipes, lots, tools; masters that resemble one another; a defect that reviewers all overlook; audits that are harder
than the line; repairs; what happens after a hold.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the agent; read when numpy loads

from benchmarks.simulated.sixty.cells import QUESTIONS, Cell
from benchmarks.simulated.sixty.run import row
from benchmarks.simulated.sixty.tables import tables


def fill(cell: Cell, seeds: int, folder: Path) -> None:
    """Play what is missing of a cell's first seeds."""
    path = folder / f"{cell.name}.jsonl"
    done = {json.loads(line)["seed"] for line in path.read_text().splitlines()} if path.exists() else set()
    for seed in range(seeds):
        if seed not in done:
            played = row(cell, seed)
            with path.open("a") as file:
                file.write(json.dumps(played) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=[*QUESTIONS, "table"])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--cell", action="append", help="some cells of the question alone")
    parser.add_argument("--out", type=Path, default=Path("out/sixty"), help="folder of the histories; outside the repository")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for cell in QUESTIONS.get(options.question, ()):
        if not options.cell or cell.name in options.cell:
            fill(cell, options.seeds, options.out)
    print(tables(options.out, [options.question] if options.question in QUESTIONS else list(QUESTIONS)))


if __name__ == "__main__":
    main()
