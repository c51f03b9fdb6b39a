"""What becomes of what operators report: how soon it is answered, and which parts are looked at where none is named."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FeedbackSection(BaseModel):
    """What operators report (`linewarden feedback`, in/feedback), looked at again by somebody who knows nothing of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    deadline_s: float = Field(
        default=28_800.0, gt=0, description="A report is to be answered within so long, by the source's clock; later it is overdue."
    )
    parts: int = Field(
        default=5, ge=1, le=50, description="Where no part is named, so many of the latest made by then are looked at again."
    )
    window_s: float = Field(
        default=600.0, gt=0, le=86_400, description="Parts made longer before are not meant where no part is named."
    )
