"""Whether the clock is kept right, as far as anybody says."""

import os
import time

import pytest

from agent.runtime import timekeeping
from agent.runtime.timekeeping import KernelClock, is_synced


@pytest.mark.parametrize("synced", [True, False])
def test_the_kernels_word_counts_before_any_file(monkeypatch, tmp_path, synced):
    monkeypatch.setattr(timekeeping, "kernel_clock", lambda: KernelClock(is_synced=synced, max_error_s=0.1))
    assert is_synced(tmp_path / "absent") is synced


@pytest.mark.parametrize(("age_s", "expected"), [(60.0, True), (7 * 3600.0, False), (None, None)])
def test_where_the_kernel_may_not_be_asked_timesyncds_last_answer_tells(monkeypatch, tmp_path, age_s, expected):
    def forbidden():
        raise PermissionError

    monkeypatch.setattr(timekeeping, "kernel_clock", forbidden)
    file = tmp_path / "synchronized"
    if age_s is not None:
        file.touch()
        os.utime(file, (time.time() - age_s,) * 2)
    assert is_synced(file) is expected
