"""The child that decodes frames: hostile ones are refused under their reason, and the next good one is measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.config.model import FramesSection
from agent.frames.measurer import FrameMeasurer
from agent.frames.reasons import MISSING_REASONS
from detectors.channels import IMAGE_CHANNELS, TABLE_VERSION
from detectors.channels.measure import measure
from tests.frames.hostile import MEASURED, hostile
from tests.frames.pictures import JPEG, PNG, encoded, picture, png

ADDRESS_SPACE_KB = 1024 * 1024  # frames.memory_mb as it is by default
RESIDENT_KB = 400 * 1024  # libraries, and 50 megapixels in colour (150 MB) with the decoder's own share and the file


@pytest.fixture(scope="module")
def measurer():
    measurer = FrameMeasurer(FramesSection(timeout_s=20.0))
    yield measurer
    measurer.close()


def memory_kb(pid, name):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def test_a_thousand_hostile_pictures_are_refused_and_good_ones_between_them_measured_the_same(measurer):
    good = measurer.measure(PNG, "", "")
    assert [np.nan if v is None else v for v in good.values] == pytest.approx(measure(picture()).tolist(), nan_ok=True)
    assert good.table == TABLE_VERSION
    pid = measurer.pid
    counted: Counter[str] = Counter()
    distinct = set()
    for number, (name, data, reasons) in enumerate(hostile()):
        result = measurer.measure(data, "", "")
        assert result.missing in reasons, (name, data[:40], result.missing)
        assert len(result.values) == (len(IMAGE_CHANNELS) if result.missing == MEASURED else 0)
        if data not in distinct:
            distinct.add(data)
            counted[result.missing] += 1
        if number % 10 == 0:
            assert measurer.measure(PNG, "", "") == good
    assert counted.total() - counted[MEASURED] >= 1000
    assert set(counted) == {MEASURED, "truncated", "too_many_pixels", "too_small", "unknown_format", "undecodable", "not_found"}
    assert (measurer.pid, measurer.starts) == (pid, 1)
    assert memory_kb(pid, "VmPeak") <= ADDRESS_SPACE_KB
    assert memory_kb(pid, "VmHWM") <= RESIDENT_KB


@pytest.mark.parametrize("kind", [".png", ".jpg", ".bmp"])
@pytest.mark.parametrize("colour", [False, True])
def test_each_format_is_measured_as_it_is_stored(measurer, kind, colour):
    image = cv2.merge([picture(1), picture(2), picture(3)]) if colour else picture()
    data = encoded(kind, image)
    if kind == ".bmp" and not colour:
        assert measurer.measure(data, "", "").missing == ""
        return
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    values = [np.nan if v is None else v for v in measurer.measure(data, "", "").values]
    assert len(values) == len(IMAGE_CHANNELS)
    assert values == pytest.approx(measure(stored).tolist(), nan_ok=True)


def test_bytes_after_the_end_of_a_picture_do_no_harm(measurer):
    assert measurer.measure(JPEG + bytes(512), "", "").missing == ""
    assert measurer.measure(PNG + b"trailer", "", "").missing == ""


def test_a_file_is_read_from_its_folder_and_nowhere_else(measurer, tmp_path):
    frames, secret = tmp_path / "frames", tmp_path / "secret.png"
    (frames / "shift").mkdir(parents=True)
    secret.write_bytes(PNG)
    (frames / "shift" / "a.png").write_bytes(PNG)
    (frames / "within.png").symlink_to(frames / "shift" / "a.png")
    (frames / "out.png").symlink_to(secret)
    (frames / "outdoor").symlink_to(tmp_path)
    (frames / "loop").symlink_to(frames / "loop")
    os.mkfifo(frames / "pipe.png")
    (frames / "big.png").write_bytes(b"")
    os.truncate(frames / "big.png", 65_000_000)
    expected = {
        "shift/a.png": "",
        "within.png": "",
        str(frames / "shift" / "a.png"): "",
        "shift/../../secret.png": "outside_folder",
        "../secret.png": "outside_folder",
        str(secret): "outside_folder",
        "out.png": "outside_folder",
        "outdoor/secret.png": "outside_folder",
        "loop": "outside_folder",
        "/etc/hostname": "outside_folder",
        "none.png": "not_found",
        "shift/a.png/b": "not_found",
        "x" * 1000: "not_found",
        "nul\0.png": "not_found",
        "": "not_found",
        "pipe.png": "unreadable",
        "shift": "unreadable",
        ".": "unreadable",
        "big.png": "too_large",
    }
    assert {path: measurer.measure(b"", path, str(frames)).missing for path in expected} == expected
    assert measurer.measure(b"", "a.png", "").missing == "not_found"


def test_inline_bytes_over_the_limit_are_refused():
    measurer = FrameMeasurer(FramesSection(max_mb=0.001))
    assert measurer.measure(bytes(1001), "", "").missing == "too_large"
    assert measurer.pid is None
    measurer.close()


def test_a_picture_that_needs_more_memory_than_the_child_may_have_is_refused_and_the_next_measured():
    measurer = FrameMeasurer(FramesSection(max_megapixels=400, memory_mb=512, timeout_s=20.0))
    assert measurer.measure(png(20_000, 18_000, 2), "", "").missing == "out_of_memory"
    pid = measurer.pid
    assert measurer.measure(PNG, "", "").missing == ""
    assert measurer.pid == pid
    assert memory_kb(pid, "VmPeak") <= 512 * 1024
    measurer.close()


def test_a_child_that_hangs_is_killed_and_the_next_frame_measured():
    measurer = FrameMeasurer(FramesSection(timeout_s=0.5))
    measurer.measure(PNG, "", "")
    hung = measurer.pid
    os.kill(hung, signal.SIGSTOP)
    assert measurer.measure(PNG, "", "").missing == "timeout"
    assert not Path(f"/proc/{hung}").exists()
    assert measurer.measure(PNG, "", "").missing == ""
    assert measurer.starts == 2
    measurer.close()


def test_a_child_killed_at_work_costs_that_frame_alone():
    measurer = FrameMeasurer(FramesSection(timeout_s=20.0))
    measurer.measure(PNG, "", "")
    working = measurer.pid
    os.kill(working, signal.SIGSTOP)
    frames = []
    caller = threading.Thread(target=lambda: frames.append(measurer.measure(PNG, "", "")))
    caller.start()
    os.kill(working, signal.SIGKILL)
    caller.join(10.0)
    assert [frame.missing for frame in frames] == ["child_died"]
    assert measurer.measure(PNG, "", "").missing == ""
    assert measurer.starts == 2
    measurer.close()


def test_the_child_outlives_the_thread_that_first_needed_it():
    measurer = FrameMeasurer(FramesSection())
    first = threading.Thread(target=measurer.measure, args=(PNG, "", ""))
    first.start()
    first.join()
    pid = measurer.pid
    assert [measurer.measure(PNG, "", "").missing for _ in range(20)] == [""] * 20
    assert (measurer.pid, measurer.starts) == (pid, 1)
    measurer.close()


def test_threads_share_one_child():
    measurer = FrameMeasurer(FramesSection(timeout_s=20.0))
    results: list[tuple[int, bool]] = []

    def work(seed):
        image = picture(seed)
        for _ in range(10):
            values = measurer.measure(encoded(".png", image), "", "").values
            results.append((seed, abs(values[0] - measure(image)[0]) < 1e-9))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40
    assert all(same for _, same in results)
    assert measurer.starts == 1
    measurer.close()


def test_the_child_never_outlives_the_agent():
    program = (
        "import os, signal, sys\n"
        "from agent.config.model import FramesSection\n"
        "from agent.frames.measurer import FrameMeasurer\n"
        "m = FrameMeasurer(FramesSection())\n"
        "m.measure(sys.stdin.buffer.read(), '', '')\n"
        "os.kill(m.pid, signal.SIGSTOP)\n"  # so that it cannot notice the closed socket
        "print(m.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=PNG, capture_output=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    status = Path(f"/proc/{int(done.stdout)}/stat")
    waiter = threading.Event()
    for _ in range(100):
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] in {"Z", "X"}:
            return
        waiter.wait(0.05)
    pytest.fail("the child is still there")


def test_the_child_has_no_secret_of_the_agents_environment(monkeypatch):
    monkeypatch.setenv("LINEWARDEN_BROKER_PASSWORD", "swordfish")
    measurer = FrameMeasurer(FramesSection())
    measurer.measure(PNG, "", "")
    environment = Path(f"/proc/{measurer.pid}/environ").read_bytes()
    assert b"OPENBLAS_NUM_THREADS" in environment
    assert b"swordfish" not in environment
    measurer.close()


def test_a_closed_measurer_starts_nothing():
    measurer = FrameMeasurer(FramesSection())
    measurer.measure(PNG, "", "")
    measurer.close()
    assert measurer.measure(PNG, "", "").missing == "child_died"
    assert measurer.pid is None


def test_reasons_are_distinct_words_fit_for_a_label():
    assert len(set(MISSING_REASONS)) == len(MISSING_REASONS) == 12
    assert all(reason.replace("_", "").isalpha() and reason.islower() for reason in MISSING_REASONS)
