"""The stage: broker and agent as processes, the line's and the plant's connections, and the one loop that moves them all."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Self

from agent.demo.broker import free_port
from agent.demo.plant import TOPICS
from agent.demo.wiring import STATION, Connection, write_config
from agent.errors import AgentError
from agent.runtime.processes import Companion
from agent.state_folder import STORE_NAME
from agent.store.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agent.demo.plant import Plant
    from agent.ports import Clock, StopSignal

_START_S: Final = 30.0
_END_S: Final = 10.0
# How far the line may be ahead: in parts, of what the agent has judged; in messages, of what the broker has confirmed.
_AHEAD_PARTS: Final = 128
_AHEAD_MESSAGES: Final = 150


class DemoFailed(AgentError):
    """The demo could not be shown: a process of it did not start, stood still or ended."""


class Stage:
    """A context manager: inside it broker and agent run and are connected; afterwards they and their folder are gone."""

    def __init__(self, plant: Plant, clock: Clock, stop: StopSignal) -> None:
        self.port = free_port()
        self._plant = plant
        self._clock = clock
        self._stop = stop
        self._exit = ExitStack()
        self._companions: dict[str, Companion] = {}
        self._links: list[Connection] = []
        self._sent_parts = 0

    def __enter__(self) -> Self:
        with self._exit:  # undone here when anything below fails
            self._folder = Path(self._exit.enter_context(TemporaryDirectory(prefix="linewarden-demo-")))
            self._start("broker", "agent.demo.broker", str(self.port))
            self._ear = self._connect("demo-plant", TOPICS)
            config = write_config(self._folder, self.port)
            self._start("agent", "agent.cli.main", "run", "--config", str(config))
            self._mouth = self._connect("demo-line", ())
            self.wait_until(lambda: self._plant.online, "the agent did not come online")
            self._exit = self._exit.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._exit.close()

    @property
    def agent_pid(self) -> int:
        """Process id of the agent."""
        return self._companions["agent"].pid

    def send(self, topic: str, payload: bytes) -> None:
        """Publish one record of the line, and no more than the broker can take."""
        self._mouth.publish(topic, payload)
        self._sent_parts += topic == "in/inspection"
        while self._mouth.backlog > _AHEAD_MESSAGES:
            self.turn(0.0)

    def keep_pace(self) -> None:
        """Serve until the line is not too far ahead of the agent. Raises DemoFailed when the agent stands still."""
        self.turn(0.0)
        if self._sent_parts - self._plant.parts_judged > _AHEAD_PARTS:
            self.wait_until(lambda: self._sent_parts - self._plant.parts_judged <= _AHEAD_PARTS, "the agent judged nothing")

    def turn(self, wait_s: float) -> None:
        """Serve the connections once. Raises KeyboardInterrupt when asked to stop, DemoFailed when a process has ended."""
        if self._stop.is_set():
            raise KeyboardInterrupt
        for name, companion in self._companions.items():
            if companion.exit_code is not None:
                raise DemoFailed(f"the {name} ended with code {companion.exit_code}:\n{companion.tail(20)}")
        for link in self._links:
            link.turn(wait_s if link is self._links[0] else 0.0)
        while self._links[0].arrived:
            self._plant.hear(self._links[0].arrived.popleft())

    def wait_until(self, condition: Callable[[], bool], failure: str, timeout_s: float = _START_S) -> None:
        """Serve until the condition holds. Raises DemoFailed with the failure after timeout_s."""
        until = self._clock.elapsed() + timeout_s
        while not condition():
            if self._clock.elapsed() > until:
                logs = "\n".join(f"{name}: {companion.tail(20)}" for name, companion in self._companions.items())
                raise DemoFailed(f"{failure} within {timeout_s:g} s\n{logs}")
            self.turn(0.01)

    def hold_list(self) -> list[str]:
        """Part ids the agent holds: its own store's passed parts between the bounds of the hold it published."""
        hold = self._plant.hold
        if hold is None:
            return []
        with Reader(self._folder / "state" / STORE_NAME) as store:
            first, last = (store.part_index(STATION, part) for part in (hold.from_part_id, hold.to_part_id))
            assert first is not None
            assert last is not None
            return [row.part_id for row in store.passed_parts(STATION, first, last)]

    def _start(self, name: str, module: str, *arguments: str) -> None:
        companion = Companion([sys.executable, "-m", module, *arguments], self._folder / f"{name}.log")
        self._exit.callback(companion.end, _END_S)
        self._companions[name] = companion

    def _connect(self, name: str, topics: tuple[str, ...]) -> Connection:
        """A connection that is ready, once somebody listens."""
        until = self._clock.elapsed() + _START_S
        while True:
            try:
                link = Connection(name, self.port, topics)
                break
            except OSError as error:
                broker = self._companions["broker"]
                if broker.has_ended(0.05) or self._clock.elapsed() > until:
                    raise DemoFailed(f"the demo's broker did not start: {error}\n{broker.tail(20)}") from error
        self._links.append(link)
        self.wait_until(lambda: link.is_ready, "the demo's broker did not answer")
        return link
