"""One container for all tests of a session; the service in it as installed and never started, before each."""

from __future__ import annotations

import pytest

from tests.system.box import Box


@pytest.fixture(scope="session")
def running_box(tmp_path_factory):
    with Box(tmp_path_factory.mktemp("box")) as running:
        yield running


@pytest.fixture
def box(running_box):
    running_box.fresh()
    yield running_box
    running_box.call("systemctl", "stop", "linewarden.service")
