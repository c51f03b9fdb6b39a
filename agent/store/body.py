"""A journal row: what it is searched by, and its body: msgpack, deflated against the members that nearly every record has."""

from __future__ import annotations

import zlib
from datetime import datetime

from agent.records import Commanded, Entry, Gap, Inspected, Tick, Told, decode_entry, encode_entry
from agent.store.times import from_micros

# Window of 4 kB: an entry is small, and the compressor's set-up is what its time goes to.
_WINDOW = 12
# Never change: bodies in the field were written with it. A better one gets a new name beside this one (zlib names it by checksum).
_WORDS = (
    b"entry\xa9inspected\xa6record\xa4type\xaainspection\xa7part_id\xa7station\xabcaptured_at\xa7verdict\xa2ok\xa2ng\xa8p_defect\xcb?"
    b"\xa4view\xa4main\xa8position\xa8frame_id\xa6recipe\xa5class\xacmeasurements\xa5model\x82\xa4name\xa7version\xa6sha256\xa7runtime"
    b"\xa9threshold\xcb?\xa7context\x82\xa3lot\xa5shift\xa1A\xa1B\xa1C\xa3box\xa5image\xa8sequence\xcd\xaalatency_ms\xcb@"
    b"\xa5frame\x82\xa6values\xdc\x00\x1d\xcb?\xcb@\xcb\xc0\xcb\xbf\xc0\xc0\xa5table\x01\xa7missing\xabreceived_at\xc7\x0c\xff\x00"
    b"\xd7\xff\xa3tap\xa4mqtt\xa5entry\xa4told\xa6record\xa4type\xa7outcome\xa9defective\xc2\xc3\xabobserved_at\xa6source"
    b"\xb5inclusion_probability\xa9confirmed\xc3\xa5audit"
)


def pack_entry(entry: Entry) -> bytes:
    """The journal's bytes of an entry."""
    packer = zlib.compressobj(level=1, wbits=_WINDOW, zdict=_WORDS)
    return packer.compress(encode_entry(entry)) + packer.flush()


def unpack_entry(raw: bytes) -> Entry:
    """An entry from the journal's bytes."""
    return decode_entry(zlib.decompressobj(wbits=_WINDOW, zdict=_WORDS).decompress(raw))


def columns(entry: Entry) -> tuple[str, str, datetime, str]:
    """Kind, station, time and tap of an entry; the time is the agent's where it has one."""
    match entry:
        case Inspected(record=r, received_at=at, tap=tap):
            return "inspected", r.station, at or r.captured_at, tap
        case Told(record=record, received_at=at, tap=tap):
            source_at = record.at if hasattr(record, "at") else record.observed_at
            return "told", record.station, at or source_at, tap
        case Commanded(record=command, received_at=at, tap=tap):
            return "commanded", command.target.get("station", ""), at or command.expires_at or from_micros(0), tap
        case Tick(wall=wall):
            return "tick", "", wall, ""
        case Gap(started_at=started_at):
            return "gap", "", started_at, ""
