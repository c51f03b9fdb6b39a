"""The figures of every detector's cases.toml, measured and written into its page.

    python -m benchmarks.figures [--write] [NAME …]

Each page ends in a table between two marks; tests/conformance measures the same cases again and fails where a row is not what it
got.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import detectors
from detectors import catalogue

ROOT = Path(detectors.__file__).parent
FIRST, LAST = "<!-- figures: python -m benchmarks.figures --write -->", "<!-- /figures -->"
HEAD = "| case | must lie in | measured | source |\n|---|---|---|---|\n"


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of a detector's folder."""
    found: list[dict[str, Any]] = tomllib.loads((ROOT / name / "cases.toml").read_text())["case"]
    return found


def row(case: Mapping[str, Any], measured: float) -> str:
    """A case as a row of the table."""
    shown = f"{measured:,.0f}" if measured >= 100 else f"{measured:.3g}"
    return f"| {case['id']} | {case['low']:,g} to {case['high']:,g} | {shown} | {case['source']} |"


def table(name: str) -> str:
    """Every case of a folder, measured: its part of the page, marks included."""
    measure = catalogue.module(name).conformance().measure
    rows = "\n".join(row(case, measure(case)) for case in cases(name))
    return f"{FIRST}\n{HEAD}{rows}\n{LAST}\n"


def written(page: str, part: str) -> str:
    """The page with this part in place of the earlier one, or at its end."""
    before, mark, _ = page.partition(FIRST)
    return before + part if mark else f"{page.rstrip()}\n\n## Reproduced figures\n{part}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="detectors; all without one")
    parser.add_argument("--write", action="store_true", help="into the pages")
    options = parser.parse_args()
    for name in options.names or catalogue.names():
        part = table(name)
        print(f"{name}\n{part}", flush=True)
        if options.write:
            page = ROOT / name / "README.md"
            page.write_text(written(page.read_text(), part))


if __name__ == "__main__":
    main()
