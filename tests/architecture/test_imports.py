"""What only some folders may import or call (CONVENTIONS 1); the one-way flow between folders is in .importlinter."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for package in ("agent", "detectors") for p in (ROOT / package).rglob("*.py"))
IDS = [str(p.relative_to(ROOT)) for p in SOURCES]

# Copied into other programs: it has a thread and a clock of its own, and the agent imports nothing of it.
CLIENT = "agent/client/linetap.py"

# imported name → the folders that may import it directly
ONLY_IN: dict[str, tuple[str, ...]] = {
    "cv2": ("detectors/channels/", "agent/frames/", "agent/demo/"),
    "paho": ("agent/mqtt_link/", "agent/taps/mqtt/", "agent/sinks/mqtt/", "agent/demo/"),
    "prometheus_client": ("agent/views/prometheus/",),
    "sqlite3": ("agent/store/",),
    "sqlite_utils": ("agent/store/",),
    "click": ("agent/cli/",),
    "rich": ("agent/cli/", "agent/demo/"),
    "onnxruntime": ("agent/demo/",),
    "amqtt": ("agent/demo/",),
    "time": ("agent/runtime/", "agent/demo/train/", CLIENT),  # the training script is run by hand
    "_thread": ("agent/runtime/",),
    "concurrent": ("agent/runtime/",),
    "multiprocessing": ("agent/runtime/",),
    "subprocess": ("agent/runtime/",),
    "signal": ("agent/runtime/", "agent/frames/child.py"),  # the child asks the kernel to die with its parent
    "scipy.stats": (),
}
# an edge called from several threads may guard its state; starting a thread is the runtime's
LOCKS = {"Lock", "RLock", "Condition"}
CLOCK_CALLS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_a_restricted_module_is_imported_only_where_it_may_be(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    names = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    wrong = {
        restricted
        for restricted, folders in ONLY_IN.items()
        if not relative.startswith(folders) and any(n == restricted or n.startswith(f"{restricted}.") for n in names)
    }
    assert not wrong, f"{relative} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_only_the_runtime_starts_threads(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    if relative.startswith(("agent/runtime/", CLIENT)):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {
        n.attr
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "threading"
    }
    used |= {name.removeprefix("threading.") for name in imported(tree) if name.startswith("threading.")}
    assert used <= LOCKS, f"{relative} uses threading.{', threading.'.join(sorted(used - LOCKS))}"


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_only_the_runtime_asks_what_time_it_is(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    if relative.startswith("agent/runtime/"):
        return
    calls = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in CLOCK_CALLS
    ]
    assert not calls, f"{relative} reads a clock: {', '.join(calls)}"


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_every_module_says_its_subject_and_none_has_a_vague_name(path: Path) -> None:
    assert path.stem not in VAGUE_NAMES
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, "has no docstring"
    assert docstring.splitlines()[0].strip(), "has an empty first line"


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_nothing_of_the_agent_knows_the_client_and_the_client_nothing_of_the_agent(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    names = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    unwanted = "agent" if relative.startswith("agent/client/") else "agent.client"
    assert not [n for n in names if n == unwanted or n.startswith(f"{unwanted}.")]
