"""Where the truth about parts comes from: one section per source, as they differ in what they see, and when, and of which."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_SOURCES = 16
Mode = Annotated[str, Field(min_length=1, max_length=256)]


class SourceSection(BaseModel):
    """One source of outcomes. Once one is declared, outcomes of sources that are not are counted and judge nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str = Field(
        min_length=1,
        max_length=128,
        examples=["final_test"],
        description="As the outcomes name it in `source`; `default` where they name none.",
    )
    kind: Literal["end_of_line", "recheck", "audit", "customer", "operator"] = Field(
        examples=["end_of_line"],
        description="end_of_line: a later test. recheck: rejects looked at again. audit: passed parts drawn for it. "
        "customer: returns and complaints. operator: what people noticed. The last two were chosen by look: evidence for an "
        "incident, never a rate.",
    )
    coverage: Literal["sample", "census"] = Field(
        default="sample", description="sample: silence about a part means unknown. census: silence after the delay means good."
    )
    covers: Literal["", "all", "passed", "rejected"] = Field(
        default="", description="Whose silence a census means; empty: rejected parts for a recheck, else all."
    )
    delay_s: float = Field(default=28_800.0, ge=0, description="After this long a part's outcome has arrived or never will.")
    confirmed: bool = Field(
        default=True,
        description="Its finds are confirmed by a second look before they are reported. Where one that counts is not, "
        "the claim floor is 1e-3 instead of 2e-4; an unconfirmed find yields to a confirmed source that sees its failure mode "
        "and says good.",
    )
    failure_modes: list[Mode] = Field(
        default=[],
        max_length=64,
        description="What it can see (`defect_class`); empty: all. Good from one that cannot see a failure contradicts nobody.",
    )
    join: Literal["part_id", "time", "box", "sequence"] = Field(
        default="part_id",
        description="How an outcome without part_id finds its part. time: the one captured nearest to `made_at`. "
        "box: the only one in `box`, or the `sequence`th. sequence: the one whose inspection has this `sequence`. What is "
        "ambiguous is refused.",
    )
    join_window_s: float = Field(
        default=5.0, gt=0, le=3600, description="join = time: a part further from `made_at` is not meant; half the pitch, or less."
    )

    @property
    def counts(self) -> bool:
        """Whether what it says may enter a rate."""
        return self.kind not in ("customer", "operator")

    def is_silent_about(self, *, passed: bool) -> bool:
        """Whether its silence about such a part means good."""
        covers = self.covers or ("rejected" if self.kind == "recheck" else "all")
        return self.coverage == "census" and self.counts and covers in ("all", "passed" if passed else "rejected")

    def sees(self, mode: str) -> bool:
        """Whether it could have seen a failure; one without a name is seen by all."""
        return not mode or not self.failure_modes or mode in self.failure_modes
