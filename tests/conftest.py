"""Shared by all tests: in the gate (LINEWARDEN_CI=1) a skipped test is a failed one, so that nothing goes missing unseen."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

IN_GATE = os.environ.get("LINEWARDEN_CI") == "1"


def _fail_if_skipped(report: Any) -> None:
    if IN_GATE and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped in the gate, where everything must run: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report
