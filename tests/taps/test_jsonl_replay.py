"""The jsonl tap replaying files."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError
from agent.runtime.threads import StopEvent
from agent.taps.jsonl import Options, build
from tests.edges import ListInbox, context, inspection, outcome


def replayed(folder: Path, *names: str, position: str | None = None, into: ListInbox | None = None, **options: Any) -> ListInbox:
    inbox = into or ListInbox()
    ctx = context(folder)
    tap = build("files", Options(paths=[str(folder / n) for n in names], mode="replay", **options), ctx)
    assert tap.finite
    tap.run(inbox, position, StopEvent())
    inbox.measurer = ctx.measurer  # type: ignore[attr-defined]
    return inbox


def write(file: Path, *lines: bytes) -> None:
    file.write_bytes(b"\n".join(lines))


def test_files_are_merged_by_event_time_and_equal_times_follow_the_order_of_files(tmp_path):
    write(tmp_path / "i", inspection("i1", "2026-01-01T00:00:01Z"), inspection("i3", "2026-01-01T00:00:03Z"))
    write(tmp_path / "o", outcome("o1", "2026-01-01T00:00:01Z"), outcome("o2", "2026-01-01T00:00:02+00:00"))
    assert replayed(tmp_path, "i", "o").names == ["i1", "o1", "o2", "i3"]
    assert replayed(tmp_path, "o", "i").names == ["o1", "i1", "o2", "i3"]


def test_refused_lines_keep_their_place_and_a_file_that_goes_back_in_time_keeps_its_order(tmp_path):
    write(tmp_path / "a", inspection("a5", "2026-01-01T00:00:05Z"), b"{", inspection("a1", "2026-01-01T00:00:01Z"))
    write(tmp_path / "b", inspection("b4", "2026-01-01T00:00:04Z"), inspection("b6", "2026-01-01T00:00:06Z"))
    assert replayed(tmp_path, "a", "b").names == ["b4", "a5", "not_json", "a1", "b6"]


def test_every_position_resumes_at_exactly_the_next_record(tmp_path):
    write(tmp_path / "a", *[inspection(f"a{i}", f"2026-01-01T00:00:0{i % 4}Z") for i in range(6)], b"[]")
    write(tmp_path / "b", *[outcome(f"b{i}", f"2026-01-01T00:00:0{i}Z") for i in range(6)])
    whole = replayed(tmp_path, "a", "b")
    assert len(whole.names) == 13
    for count, delivery in enumerate(whole.deliveries, 1):
        assert replayed(tmp_path, "a", "b", position=delivery.position).names == whole.names[count:]


def test_many_files_are_streamed_not_loaded(tmp_path):
    for name in "ab":
        with (tmp_path / name).open("wb") as out:
            for i in range(2_000):
                out.write(inspection(f"{name}{i}", f"2026-01-01T00:{i // 60:02d}:{i % 60:02d}Z") + b"\n")
    read: list[int] = []

    class Watching(ListInbox):
        def put(self, delivery: Any, stop: Any) -> bool:
            read.append(sum(os.lseek(int(fd), 0, os.SEEK_CUR) for fd in os.listdir("/proc/self/fd") if _is_in(tmp_path, fd)))
            return super().put(delivery, stop)

    replayed(tmp_path, "a", "b", into=Watching())
    assert len(read) == 4_000
    assert read[0] <= 4 * (1 << 16)
    assert max(read) > read[0]


def _is_in(folder: Path, fd: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith(str(folder))
    except OSError:
        return False


def test_images_are_measured_once_and_inline_bytes_are_let_go(tmp_path):
    write(
        tmp_path / "a",
        inspection("path", image="x/1.png"),
        inspection("inline", image_inline=base64.b64encode(b"abc").decode()),
        inspection("none"),
    )
    inbox = replayed(tmp_path, "a", frames_dir=tmp_path)
    assert inbox.measurer.asked == [(0, "x/1.png", str(tmp_path)), (3, "", str(tmp_path))]
    assert [d.frame is None for d in inbox.deliveries] == [False, False, True]
    assert inbox.items[1].image_inline == b""


def test_defaults_fill_only_what_a_record_lacks(tmp_path):
    write(tmp_path / "a", outcome("p1"), outcome("p2", source="lab", station="ST9"))
    one, two = replayed(tmp_path, "a", station="ST4", source="audit").items
    assert (one.station, one.source, two.station, two.source) == ("ST4", "audit", "ST9", "lab")


def test_no_matching_file_is_an_error_that_names_the_pattern(tmp_path):
    with pytest.raises(AgentError, match=r"no file matches .*nothing"):
        replayed(tmp_path, "nothing*")
