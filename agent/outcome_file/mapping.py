"""Which column is which member of an outcome: as declared, else told from the header; said before it is used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.errors import AgentError
from agent.outcome_file.words import DEFECTIVE, GOOD

# The members a column can stand for. `defective` is the verdict, whatever its words.
NEEDED = ("defective", "observed_at")
PART = ("part_id", "made_at", "box", "sequence")  # one of them names the part
OPTIONAL = ("station", "source", "defect_class", "inclusion_probability", "confirmed", "reviewer")
MEMBERS = (*PART, *NEEDED, *OPTIONAL)

# Headers as plants write them, without spaces and signs. Names of people are never guessed: `reviewer` must be called so.
_NAMES: dict[str, str] = {
    "part_id": "part partid partserial serial serialno serialnr serialnumber sn uid dmc"
    " barcode seriennummer seriennr sernr teileid teilid"
    " numerodeserie numeroserie nserie numérodesérie númerodeserie numerodiserie matricola numerdeserii シリアル シリアル番号"
    " シリアルno 製造番号 ワーク番号 序列号 产品序列号",
    "defective": "result verdict outcome judgement judgment testresult ergebnis prüfergebnis"
    " pruefergebnis befund urteil bewertung"
    " resultat résultat verdikt risultato esito resultado wynik 判定 判定結果 検査結果 結果 检验结果 检测结果"
    " 结果 okng passfail okorng"
    " iofnio ionio gutschlecht",
    "observed_at": "timestamp datetime observed testedat inspectedat testtime"
    " inspectiontime datetimeutc zeitstempel datumzeit"
    " datumuhrzeit prüfzeit pruefzeit prüfzeitpunkt pruefzeitpunkt zeitpunkt horodatage dateheure"
    " fechahora fechayhora dataora 日時"
    " 検査日時 判定日時 测试时间 检验时间 检测时间",
    "made_at": "capturedat producedat madeat fertigungszeit produktionszeit 製造日時 加工日時 生产时间",
    "box": "boxid tray carton behälter behaelter kiste karton kolli caisse scatola caja 箱 箱番号 トレイ",
    "sequence": "sequenceno counter zähler zaehler laufnummer laufendenummer lfdnr 連番 通し番号",
    "station": "stationid anlage prüfplatz pruefplatz arbeitsplatz poste stazione estación estacion 設備 工程 工位",
    "source": "quelle origen fonte origine 検査区分",
    "defect_class": "defect defecttype defectcode failuremode failurecode fehlerart fehlercode"
    " fehlerbild fehler typededéfaut codedefaut"
    " tipodifetto tipodefecto 不良内容 不良項目 不良モード 缺陷 缺陷类型",
    "inclusion_probability": "pi samplingprobability",
    "confirmed": "bestätigt bestaetigt confirmé confermato confirmado 確認済",
}
_MEMBER_OF = {name: member for member, names in _NAMES.items() for name in names.split()} | {
    member.replace("_", ""): member for member in MEMBERS
}
_DATES_WORDS = "date day datum prüfdatum pruefdatum fecha data jour 日付 検査日 年月日 日期"
_DATES = frozenset(_DATES_WORDS.split())
_TIMES_WORDS = "time hour uhrzeit zeit prüfuhrzeit heure ora hora czas 時刻 時間 检测时刻 时刻"
_TIMES = frozenset(_TIMES_WORDS.split())
_POLARITY = dict.fromkeys(DEFECTIVE, True) | dict.fromkeys(GOOD, False) | {"defective": True}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Member → the positions of its columns (several are joined by a space, as a date and a time are)."""

    columns: dict[str, tuple[int, ...]]
    titles: dict[str, str]  # member → its header, as said
    means_defective: bool | None  # what yes says in the verdict's column

    def describe(self) -> str:
        """One line for the terminal."""
        return ", ".join(f"{member} = {title!r}" for member, title in self.titles.items())


def find_header(rows: Sequence[Sequence[str]], declared: Mapping[str, str]) -> int:
    """Index of the first row that can be the header: report titles may stand before it. Raises AgentError."""
    for index, row in enumerate(rows):
        if _fits(row, declared):
            return index
    first = next((row for row in rows if any(cell.strip() for cell in row)), [])
    said = ", ".join(cell for cell in first if cell)[:200] or "nothing"
    raise AgentError(
        f"no line among the first {len(rows)} names part, verdict and time; the first one says {said}",
        hint="say which is which (--column part_id=TITLE --column defective=TITLE --column observed_at=TITLE), or --delimiter",
    )


def map_columns(header: Sequence[str], declared: Mapping[str, str]) -> ColumnMapping:
    """The mapping of one header. declared: member → column, or columns joined by +. Raises AgentError."""
    titles = [cell.strip().lstrip("\ufeff") for cell in header]
    columns: dict[str, tuple[int, ...]] = {}
    for member, spelled in declared.items():
        wanted = [name.strip() for name in spelled.split("+")] if spelled not in titles else [spelled]
        missing = [name for name in wanted if name not in titles]
        if missing:
            raise AgentError(f"no column {missing[0]!r} for {member}", hint=f"the columns are: {', '.join(titles)[:300]}")
        columns[member] = tuple(titles.index(name) for name in wanted)
    taken = {index for positions in columns.values() for index in positions}
    free = [(index, _plain(title)) for index, title in enumerate(titles) if index not in taken and title]
    for member in MEMBERS:
        if member not in columns:
            found = _guessed(member, free)
            if len(found) > 1:
                names = ", ".join(titles[index] for index in found)
                raise AgentError(f"several columns may be {member}: {names}", hint=f"say which: --column {member}=NAME")
            if found:
                columns[member] = (found[0],)
                free = [(index, name) for index, name in free if index != found[0]]
    if "observed_at" not in columns:
        day, time = ([index for index, name in free if name in names] for names in (_DATES, _TIMES))
        if len(day) == 1 and len(time) <= 1:
            columns["observed_at"] = (*day, *time)
    verdict = columns.get("defective", ())
    return ColumnMapping(
        columns={member: columns[member] for member in MEMBERS if member in columns},
        titles={m: " + ".join(titles[index] for index in columns[m]) for m in MEMBERS if m in columns},
        means_defective=_POLARITY.get(_plain(titles[verdict[0]])) if verdict else None,
    )


def _fits(row: Sequence[str], declared: Mapping[str, str]) -> bool:
    try:
        columns = map_columns(row, declared).columns
    except AgentError:
        return bool(declared) and all(name in row for name in declared.values())
    return all(member in columns for member in NEEDED) and any(member in columns for member in PART)


def _guessed(member: str, free: Iterable[tuple[int, str]]) -> list[int]:
    """Columns that may be this member: the one called so, else those called like it."""
    named = [index for index, name in free if name == member.replace("_", "")]
    if named:
        return named[:1]
    alike = [index for index, name in free if _MEMBER_OF.get(name) == member]
    if member == "defective" and not alike:
        return [index for index, name in free if name in _POLARITY]
    return alike


def _plain(title: str) -> str:
    """A header without spaces, signs and units: `Prüf-Zeit [UTC]` → prüfzeit."""
    return re.sub(r"[\W_]+", "", re.sub(r"[\[(（].*?[\])）]", "", title.casefold()))
