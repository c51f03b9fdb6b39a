"""How a plant's outcome files are written, so that nobody has to say it at every import."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

Word = Annotated[str, Field(min_length=1, max_length=64)]
Member = Literal[
    "part_id",
    "made_at",
    "box",
    "sequence",
    "defective",
    "observed_at",
    "station",
    "source",
    "defect_class",
    "inclusion_probability",
    "confirmed",
    "reviewer",
]


class MappingSection(BaseModel):
    """How one kind of outcome file is written, for `outcome import --mapping NAME`; what is left out is told from the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["final-test"], description="Its name.")
    columns: dict[Member, Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=dict,
        description="Member of an outcome = title of its column, or of several joined by + (a date and a time): "
        '`{ part_id = "Seriennr", defective = "Befund", observed_at = "Datum + Uhrzeit" }`.',
    )
    good: list[Word] = Field(default=[], max_length=64, description="Words for a good part, besides those known (ok, gut, 良, …).")
    defective: list[Word] = Field(
        default=[], max_length=64, description="Words for a defective part, besides those known (ng, Ausschuss, 不良, …)."
    )
    delimiter: str = Field(default="", max_length=1, description="Between the cells of a row; empty: told from the file.")
    decimal: Literal["", ".", ","] = Field(default="", description="Decimal sign; empty: a comma unless commas separate cells.")
    encoding: str = Field(
        default="", max_length=32, description="utf-8, cp932, cp1252, utf-16 or another of Python's; empty: told from the file."
    )
    dates: Literal["", "ymd", "dmy", "mdy"] = Field(
        default="",
        description="Order of year, month and day in numbers; empty: told from the file, which is refused where it may be two.",
    )
    timezone: str = Field(default="", description="Zone of times that name none; empty: the agent's.")
    station: str = Field(default="", max_length=256, description="Station of rows that name none.")
    source: str = Field(default="", max_length=128, description="Source of rows that name none.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return value and ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"expected a zone name like Europe/Berlin, got {value!r}") from error

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        import codecs

        try:
            return value and codecs.lookup(value).name
        except LookupError as error:
            raise ValueError(f"expected an encoding like utf-8 or cp932, got {value!r}") from error
