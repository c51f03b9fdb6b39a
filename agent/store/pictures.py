"""Pictures of incidents in the store: how many, whose, and what the place looked like before beside each."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator

from agent.ports import PictureRow
from agent.store.times import from_micros, to_micros
from agent.store.transaction import Transaction

_PLACE = "station = ? AND view = ? AND position = ? AND recipe = ?"
_COLUMNS = (
    "incident, station, view, position, recipe, moment, source, part_id, taken_at, sha256, of_sha256, width, height"
    ", histogram, body"
)
# Of those that show a place as its baseline was learned: so many a place; incidents have copies.
BASELINES_KEPT = 2


def record(tx: Transaction, row: PictureRow, most: int) -> None:
    """See Journal.record_picture. Harmless where the incident has this picture, or `most` of its moment."""
    place = (row.station, row.view, row.position, row.recipe)
    same = tx.one(
        f"SELECT 1 FROM pictures WHERE incident = ? AND {_PLACE} AND moment = ? AND of_sha256 = ?",  # noqa: S608  (constants)
        (row.incident, *place, row.moment, row.of_sha256),
    )
    had = tx.one("SELECT count(*) FROM pictures WHERE incident = ? AND moment = ?", (row.incident, row.moment))
    if same is not None or (row.incident and had is not None and had[0] >= most):
        return
    values = (
        *(row.incident, *place, row.moment, row.source, row.part_id, to_micros(row.taken_at), row.sha256, row.of_sha256),
        *(row.width, row.height, struct.pack(f"<{len(row.histogram)}I", *row.histogram), row.body),
    )
    tx.write(f"INSERT INTO pictures ({_COLUMNS}) VALUES ({','.join('?' * len(values))})", values)  # noqa: S608
    if not row.incident:
        tx.write(
            f"DELETE FROM pictures WHERE incident = '' AND {_PLACE} AND id NOT IN ("  # noqa: S608
            f"SELECT id FROM pictures WHERE incident = '' AND {_PLACE} ORDER BY id DESC LIMIT {BASELINES_KEPT})",
            (*place, *place),
        )
    elif row.moment == "after":
        _put_beside(tx, row.incident, place)


def _put_beside(tx: Transaction, incident: str, place: tuple[str, str, str, str]) -> None:
    """Where an incident has nothing of before for a place, what the place looked like as its baseline was learned last."""
    before = f"SELECT 1 FROM pictures WHERE incident = ? AND {_PLACE} AND moment = 'before'"  # noqa: S608
    if tx.one(before, (incident, *place)) is None:
        rest = _COLUMNS.removeprefix("incident, ")
        tx.write(
            f"INSERT INTO pictures ({_COLUMNS}) SELECT ?, {rest} FROM pictures WHERE incident = '' AND {_PLACE} ORDER BY id DESC LIMIT 1",  # noqa: S608, E501
            (incident, *place),
        )


def of_incident(db: sqlite3.Connection, incident: str) -> Iterator[PictureRow]:
    """Place by place, those of before first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM pictures WHERE incident = ? ORDER BY view, position, recipe, moment DESC, id",  # noqa: S608
        (incident,),
    )
    for of, station, view, position, recipe, moment, source, part, at, sha256, of_sha256, width, height, histogram, body in rows:
        counts = struct.unpack(f"<{len(histogram) // 4}I", histogram)
        where = (of, station, view, position, recipe, moment, source, part)
        yield PictureRow(*where, from_micros(at), sha256, of_sha256, width, height, counts, body)
