"""What the terminal sees: results on standard output, everything said about them on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec

Problem = tuple[str, str, str]  # path, message, hint


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(self, by: int = 1) -> None: ...


def error(message: str, hint: str = "") -> None:
    """One error, and what to do about it."""
    _say("error", "bold red", message)
    if hint:
        _say("hint", "cyan", hint)


def problems(found: Sequence[Problem], summary: str) -> None:
    """Every problem of a configuration, then how many."""
    for path, message, hint in found:
        _err().print(
            f"[bold]{_safe(path)}[/bold]: {_safe(message)}" + (f" [dim]({_safe(hint)})[/dim]" if hint else ""), soft_wrap=True
        )
    error(summary, "mend these and run `linewarden check-config` again")


def warning(path: str, message: str, hint: str = "") -> None:
    """Something that works but may surprise."""
    _say("warning", "yellow", f"{path}: {message}")
    if hint:
        _say("hint", "cyan", hint)


def note(message: str) -> None:
    """A word on standard error."""
    _err().print(_safe(message), soft_wrap=True)


def next_step(message: str) -> None:
    """What to do next, said to a person only."""
    if sys.stderr.isatty():
        _say("next", "green", message)


def out(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{text}\n")


def out_json(value: Any) -> None:
    """The result as one JSON value."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, enc_hook=_as_text), indent=2).decode() + "\n")


def is_terminal() -> bool:
    """Whether a person reads the result, not a program."""
    return sys.stdout.isatty()


_LAMPS = {"white": "black on white", "amber": "black on yellow", "blue": "white on blue"}


def headline(colour: str, text: str, identity: str) -> None:
    """A line that begins with the lamp's colour."""
    from rich.console import Console

    style = _LAMPS.get(colour, "dim")
    Console(highlight=False).print(f"[{style}] {colour.upper()} [/] [bold]{_safe(text)}[/bold]  {_safe(identity)}", soft_wrap=True)


_VERDICTS = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "magenta"}


def verdict(severity: str, what: str, seen: str, why: str, next_step: str) -> None:
    """One finding: a line when all is well, else with why it matters and what to do."""
    from rich.console import Console

    drawn = Console(highlight=False)
    drawn.print(f"[{_VERDICTS[severity]}]{severity:>7}[/]  [bold]{_safe(what)}[/bold]  {_safe(seen)}", soft_wrap=True)
    for label, text in (("why", why), ("next", next_step)):
        if text:
            drawn.print(f"         [dim]{label}:[/dim] {_safe(text)}", soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows on standard output: drawn on a terminal, tab separated in a pipe."""
    if not is_terminal():
        out("\t".join(columns))
        for row in rows:
            out("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(_safe(cell) for cell in row))
    Console().print(drawn)


@contextmanager
def progress(title: str, total: int | None, *, as_bytes: bool = False) -> Iterator[Advance]:
    """A bar on a terminal, silence in a pipe. as_bytes: what advances are bytes of a file, so that the end can be told."""
    if not sys.stderr.isatty():
        yield _still
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    counted = (
        (DownloadColumn(), TimeElapsedColumn(), TimeRemainingColumn()) if as_bytes else (MofNCompleteColumn(), TimeElapsedColumn())
    )
    with Progress(TextColumn("{task.description}"), BarColumn(), *counted, console=_err(), transient=True) as bar:
        task = bar.add_task(title, total=total)

        def advance(by: int = 1) -> None:
            bar.advance(task, by)

        yield advance


def _still(by: int = 1) -> None:
    """No bar to move."""


def _say(label: str, style: str, message: str) -> None:
    _err().print(f"[{style}]{label}:[/{style}] {_safe(message)}", soft_wrap=True)


def _err() -> Any:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def plain(text: str) -> str:
    """Text from outside without the control characters that would act on a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def _safe(text: str) -> str:
    """The same, with its brackets kept from acting as markup."""
    from rich.markup import escape

    return escape(plain(text))


def _as_text(value: Any) -> Any:
    """What msgspec does not know, as text."""
    return str(value)
