"""The journal's key for one entry: equal for the same thing delivered again, and growing with its source.

A digest alone would scatter the index: each record would dirty a page of its own, 8 kB written per record on a flash card
instead of 0.1 kB (TESTBED, SQLite). So four bytes that grow with the source stand before twelve bytes of digest.
"""

from __future__ import annotations

import hashlib

from agent.records import Commanded, Entry, Event, Feedback, Inspected, Outcome, Told, identity
from agent.store.times import to_micros

_MINUTE = 60_000_000
_MASK = 0xFFFFFFFF


def entry_key(entry: Entry) -> bytes | None:
    """16 bytes, a function of `agent.records.identity` alone; None for entries that cannot be duplicates."""
    name = identity(entry)
    if name is None:
        return None
    return (_bucket(entry) & _MASK).to_bytes(4, "big") + hashlib.blake2b(name, digest_size=12).digest()


def _bucket(entry: Entry) -> int:
    """Only members that are part of the identity: two deliveries of one thing never land in two buckets."""
    match entry:
        case Inspected(record=r):
            return to_micros(r.captured_at) // _MINUTE if r.sequence is None else r.sequence >> 8
        case Told(record=Outcome() as o):
            return to_micros(o.observed_at) // _MINUTE
        case Told(record=Event() as e):
            return to_micros(e.at) // _MINUTE
        case Told(record=Feedback() as f):
            return 0 if f.request_id else to_micros(f.at) // _MINUTE
        case Commanded():
            return 0
        case _:
            return 0
