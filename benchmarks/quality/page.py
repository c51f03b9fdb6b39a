"""What was measured, written into the page: each question's table between its marks, and the pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.quality import tables
from benchmarks.quality.cells import Cells

PAGE = Path(__file__).parent / "README.md"
PICTURES = PAGE.parent / "pictures"
TABLES: dict[str, Callable[[Cells], str]] = {
    "false-alarms": tables.false_alarms,
    "delay": tables.delays,
    "libraries": tables.libraries,
    "outcomes": tables.audits,
    "defaults": tables.defaults,
    "lines": tables.lines,
    "real": tables.real,
    "logs": tables.logs,
}


def write(cells: Cells, page: Path = PAGE, pictures: Path = PICTURES) -> None:
    """Every table whose cells are there, and the pictures; the words are left alone."""
    text = page.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        if shown := table(cells):
            text = between(text, name, shown)
    page.write_text(text, encoding="utf-8")
    try:
        from benchmarks.quality import plots
    except ImportError as error:
        print(f"no plots: {error}; make bench-quality")
        return
    plots.write(cells, pictures)


def between(text: str, name: str, table: str) -> str:
    """The page with this table between the marks of that name. Raises ValueError where it has none."""
    first, last = f"<!-- table {name} -->", "<!-- /table -->"
    written, count = re.subn(f"{first}.*?{last}", lambda _: f"{first}\n{table}\n{last}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the page must have the marks of table {name} once, got {count}")
    return written
