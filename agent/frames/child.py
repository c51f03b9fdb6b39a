"""The child process that decodes and measures frames: `python -m agent.frames.child MAX_BYTES MAX_PIXELS MEMORY_BYTES PARENT_PID`.

It answers requests (agent/frames/wire.py) from descriptor 0 on descriptor 1, each a 4-byte big-endian length and that many bytes,
until the parent closes them. It limits itself before the decoder is loaded: address space, no file growth, few descriptors,
no core, no new privileges, no further process; it dies with its parent, and is the first the kernel takes when memory runs out.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.frames import wire
from agent.frames.folder import read_below
from agent.frames.header import Header, read_header

if TYPE_CHECKING:
    from agent.frames.decode import Decoder
    from agent.frames.reasons import MissingReason

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NO_NEW_PRIVS = 38
_MAX_DESCRIPTORS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before decoding."""

    max_bytes: int
    max_pixels: int


def main(arguments: list[str]) -> int:
    """Serve until the parent hangs up; the exit code."""
    max_bytes, max_pixels, memory_bytes, parent = (int(argument) for argument in arguments)
    if not _bound_to(parent):
        return 1
    requests, answers, warnings = _descriptors()
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(max_pixels)  # read once, when OpenCV loads
    os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
    _limit(memory_bytes)
    from agent.frames.decode import Decoder  # loads OpenCV, which must happen under the limits

    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    limits = Limits(max_bytes, max_pixels)
    decoder = Decoder(warnings)
    _send(answers, wire.READY)
    while (request := _receive(requests)) is not None:
        shown = wire.picture_asked(request)
        if shown is not None:
            _send(answers, _show(wire.read_request(shown)[0], limits, decoder))
        else:
            _send(answers, wire.answer(_handle(*wire.read_request(request), limits, decoder)))
    return 0


def _handle(
    request: bytes | tuple[str, str], reference: bytes, limits: Limits, decoder: Decoder
) -> tuple[float, ...] | MissingReason:
    try:
        if not decoder.knows(reference):
            _prepare(reference, limits, decoder)
        found = _data(request, limits)
        return found if isinstance(found, str) else decoder.measure(*found, reference)
    except MemoryError:
        return "out_of_memory"


def _show(request: bytes | tuple[str, str], limits: Limits, decoder: Decoder) -> bytes:
    """A picture obeys the same limits."""
    try:
        found = _data(request, limits)
        picture = found if isinstance(found, str) else decoder.picture(*found)
    except MemoryError:
        picture = "out_of_memory"
    return wire.answer(picture) if isinstance(picture, str) else wire.picture_answer(picture)


def _data(request: bytes | tuple[str, str], limits: Limits) -> tuple[bytes, Header] | MissingReason:
    """What is to be decoded, with its header."""
    data = read_below(*request, limits.max_bytes) if isinstance(request, tuple) else request
    if isinstance(data, str):
        return data
    if len(data) > limits.max_bytes:
        return "too_large"
    header = read_header(data)
    if not isinstance(header, Header):
        return header
    return "too_many_pixels" if header.width * header.height > limits.max_pixels else (data, header)


def _prepare(reference: bytes, limits: Limits, decoder: Decoder) -> None:
    """Golden frames obey the limits of every other picture; one that cannot be used is remembered as such."""
    from agent.frames.reference import decode, read_golden

    chosen = decode(reference)
    data = read_golden(chosen, limits.max_bytes)
    header = None if data is None else read_header(data)
    if data is None or not isinstance(header, Header) or header.width * header.height > limits.max_pixels:
        decoder.set_aside(reference)
    else:
        decoder.prepare(reference, data, header, chosen.drawn)


def _bound_to(parent: int) -> bool:
    """Die when the parent's thread that started this process ends. False when the parent has gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return os.getppid() == parent


def _descriptors() -> tuple[int, int, int]:
    """Where requests come from, where answers go, and where what decoders print can be read.

    Descriptors 0 to 2 are then nobody's: a library that prints must not be heard as an answer.
    """
    requests, answers = os.dup(0), os.dup(1)
    warnings, printed = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)  # a full pipe loses text and blocks nobody
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.dup2(printed, 2)
    os.close(nowhere)
    os.close(printed)
    return requests, answers, warnings


def _limit(memory_bytes: int) -> None:
    with suppress(OSError):  # not writable in some sandboxes
        handle = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(handle, b"1000")
        finally:
            os.close(handle)
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
    ):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def _receive(handle: int) -> bytes | None:
    head = _exactly(handle, 4)
    return None if head is None else _exactly(handle, int.from_bytes(head, "big"))


def _exactly(handle: int, count: int) -> bytes | None:
    """That many bytes; None when the parent has hung up."""
    pieces: list[bytes] = []
    while count > 0:
        piece = os.read(handle, min(count, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _send(handle: int, message: bytes) -> None:
    data = len(message).to_bytes(4, "big") + message
    while data:
        data = data[os.write(handle, data) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
