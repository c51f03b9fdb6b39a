"""The jsonl tap following files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from agent.ports import Refused
from agent.taps.jsonl import Options, build
from tests.brokers import until
from tests.edges import ListInbox, Running, context, inspection


def following(folder: Path, inbox: ListInbox, position: str | None = None, **options: Any) -> Running:
    tap = build(
        "files",
        Options(**{"paths": [str(folder / "*.jsonl")], "poll_s": 0.01, "rotation_grace_s": 0.05, **options}),
        context(folder),
    )
    return Running(lambda stop: tap.run(inbox, position, stop))


def test_lines_are_delivered_as_they_are_appended(tmp_path):
    file, inbox = tmp_path / "a.jsonl", ListInbox()
    file.write_bytes(inspection("p1") + b"\n")
    with following(tmp_path, inbox):
        until(lambda: inbox.names == ["p1"])
        with file.open("ab") as out:
            out.write(inspection("p2") + b"\n")
        until(lambda: inbox.names == ["p1", "p2"])


def test_a_partial_last_line_is_not_consumed_before_its_newline(tmp_path):
    file, inbox = tmp_path / "a.jsonl", ListInbox()
    whole = inspection("p2") + b"\n"
    file.write_bytes(inspection("p1") + b"\n" + whole[:20])
    with following(tmp_path, inbox) as running:
        until(lambda: inbox.names == ["p1"])
        running.stop.wait(0.05)
        with file.open("ab") as out:
            out.write(whole[20:])
        until(lambda: inbox.names == ["p1", "p2"])


def test_every_committed_position_resumes_at_exactly_the_next_record(tmp_path):
    lines = [inspection(f"p{i}") for i in range(5)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([lines[0], b"not json", b"", *lines[1:3]]) + b"\n")
    (tmp_path / "b.jsonl").write_bytes(b"\n".join(lines[3:]) + b"\n")
    first = ListInbox()
    with following(tmp_path, first):
        until(lambda: len(first.deliveries) == 6)
    assert first.names == ["p0", "not_json", "p1", "p2", "p3", "p4"]
    for count, delivery in enumerate(first.deliveries, 1):
        again = ListInbox()
        with following(tmp_path, again, delivery.position) as running:
            until(lambda a=again, c=count: len(a.deliveries) >= 6 - c)
            running.stop.wait(0.03)
        assert again.names == first.names[count:]


def test_a_rotated_file_is_finished_before_the_new_one_is_begun(tmp_path):
    file, inbox = tmp_path / "a.jsonl", ListInbox()
    file.write_bytes(inspection("p1") + b"\n")
    with following(tmp_path, inbox):
        until(lambda: inbox.names == ["p1"])
        with file.open("ab") as still_writing:
            os.rename(file, tmp_path / "a.jsonl.1")
            file.write_bytes(inspection("p3") + b"\n")
            still_writing.write(inspection("p2") + b"\n")
        until(lambda: inbox.names == ["p1", "p2", "p3"])


def test_a_file_rotated_while_the_agent_was_down_is_finished_first(tmp_path):
    file, before, after = tmp_path / "a.jsonl", ListInbox(), ListInbox()
    file.write_bytes(inspection("p1") + b"\n")
    with following(tmp_path, before):
        until(lambda: before.names == ["p1"])
    with file.open("ab") as out:
        out.write(inspection("p2") + b"\n")
    os.rename(file, tmp_path / "a.jsonl.1")
    file.write_bytes(inspection("p3") + b"\n")
    with following(tmp_path, after, before.deliveries[-1].position):
        until(lambda: after.names == ["p2", "p3"])


def test_a_file_replaced_while_the_agent_was_down_is_counted_as_a_loss_and_read_from_its_start(tmp_path):
    file, before, after = tmp_path / "a.jsonl", ListInbox(), ListInbox()
    file.write_bytes(inspection("p1") + b"\n")
    with following(tmp_path, before):
        until(lambda: before.names == ["p1"])
    file.write_bytes(inspection("other") + b"\n" + inspection("more") + b"\n")  # same inode, other beginning
    with following(tmp_path, after, before.deliveries[-1].position):
        until(lambda: after.names == ["rotated_away", "other", "more"])


def test_a_file_cut_in_place_is_read_from_its_start(tmp_path):
    file, inbox = tmp_path / "a.jsonl", ListInbox()
    file.write_bytes(inspection("p1" * 20) + b"\n")
    with following(tmp_path, inbox):
        until(lambda: len(inbox.deliveries) == 1)
        file.write_bytes(inspection("p2") + b"\n")
        until(lambda: inbox.names[1:] == ["p2"])


def test_a_line_longer_than_any_record_is_refused_in_bounded_memory_and_the_next_is_read(tmp_path):
    inbox = ListInbox()
    (tmp_path / "a.jsonl").write_bytes(b"x" * (3 << 20) + b"\n" + inspection("p1") + b"\n")
    with following(tmp_path, inbox):
        until(lambda: inbox.names == ["too_large", "p1"])


def test_starting_at_the_end_skips_what_was_there_but_not_later_files(tmp_path):
    file, inbox = tmp_path / "a.jsonl", ListInbox()
    file.write_bytes(inspection("old") + b"\n")
    with following(tmp_path, inbox, start="end") as running:
        running.stop.wait(0.05)
        with file.open("ab") as out:
            out.write(inspection("new") + b"\n")
        until(lambda: inbox.names == ["new"])
        (tmp_path / "b.jsonl").write_bytes(inspection("later") + b"\n")
        until(lambda: inbox.names == ["new", "later"])


def test_a_measured_frame_is_refused_unless_the_tap_is_trusted(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(inspection("p1", frame={"values": [1.0, None], "table": 3}) + b"\n")
    distrusting, trusting = ListInbox(), ListInbox()
    with following(tmp_path, distrusting):
        until(lambda: distrusting.names == ["untrusted_frame"])
    assert isinstance(distrusting.items[0], Refused)
    with following(tmp_path, trusting, trusted=True):
        until(lambda: trusting.names == ["p1"])
    assert trusting.deliveries[0].frame.values == (1.0, None)
