"""The options, one typed field each: doc, unit, bounds and default. Sample, reference and JSON Schema are generated from here."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.config.audits import AuditsSection, BlindSpotSection
from agent.config.challenges import MAX_SETS, ChallengeSection, ChallengeSetSection
from agent.config.estimates import EstimatesSection
from agent.config.feedback import FeedbackSection
from agent.config.limits import LimitSection
from agent.config.mapping import MappingSection
from agent.config.measurements import MAX_MEASUREMENTS, MeasurementSection
from agent.config.references import ReferenceSection
from agent.config.sources import MAX_SOURCES, SourceSection

Text = Annotated[str, Field(min_length=1, max_length=256)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AgentSection(Section):
    """The agent process."""

    state_dir: Path = Field(
        default=Path("/var/lib/linewarden"), description="Folder for the store, the control socket and the lock."
    )
    language: Literal["en", "de"] = Field(default="en", description="Language of alarm texts.")
    timezone: str = Field(default="UTC", description="Zone of the times in alarm texts, for example Europe/Berlin.")
    commit_interval_s: float = Field(default=1.0, gt=0, le=10, description="Longest time a record waits for its commit.")
    checkpoint_interval_s: float = Field(
        default=300.0, ge=60, le=3600, description="Shortest time between two checkpoints of the detector state."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"expected a zone name like Europe/Berlin, got {value!r}") from error
        return value


class StoreSection(Section):
    """What is kept, and how long."""

    keep_days: int = Field(default=400, ge=1, description="Journal entries older than this many days are deleted. Alarms stay.")
    trace_days: int = Field(
        default=5_500,
        ge=1,
        description="Part ids, verdicts, claims, boxes and outcomes stay this long (about 90 bytes a part), and never shorter than "
        "the journal, so that a complaint of years later can be answered.",
    )
    max_mb: int = Field(default=2048, ge=64, description="Upper bound of the store on disk, megabytes; oldest journal goes first.")


class FramesSection(Section):
    """Limits of the child process that decodes and measures frames."""

    max_megapixels: float = Field(default=50.0, gt=0, le=400, description="Frames with more pixels are refused before decoding.")
    max_mb: float = Field(default=64.0, gt=0, le=512, description="Image files larger than this are refused.")
    memory_mb: int = Field(default=1024, ge=512, description="Address space limit of the child, 280 MB of it for its libraries.")
    timeout_s: float = Field(default=5.0, gt=0, le=60, description="A frame that takes longer kills the child.")
    evidence_pictures: int = Field(
        default=6, ge=0, le=50, description="Small pictures an incident keeps at its alarms, beside those of before; 0: none."
    )


class MetricsSection(Section):
    """The Prometheus endpoint."""

    enabled: bool = Field(default=True, description="Serve /metrics.")
    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless the plant's network needs it.")
    port: int = Field(default=9464, ge=0, le=65535, description="Port; 0 takes a free one and prints it.")


class BaselineSection(Section):
    """Phase I: what is learned, from how many parts, and who may put it in force."""

    parts: int = Field(default=4000, ge=200, description="Parts per stream to learn from.")
    min_stream_parts: int = Field(
        default=500, ge=200, description="A stream (recipe, view) with fewer parts of its own goes on learning until it has these."
    )
    min_hours: float = Field(
        default=0.0,
        ge=0,
        le=1_000,
        description="Hours of production a stream learns from at least, by the source's time. 24 on a running line: a baseline "
        "cannot vouch for what it does not hold, and day and night differ. Shorter logs and trials leave 0.",
    )
    steadiness: Literal["shown", "assumed"] = Field(
        default="shown",
        description="shown: a channel is watched once its baseline shows that nothing slow moves it, which takes about 2,800 "
        "parts of a steady channel (fewer where much is tolerated); streams learn on meanwhile, to at most twice `parts`. assumed: "
        "on the owner's word, unless the baseline shows otherwise; the false-alarm budget then rests on that word.",
    )
    rate_blocks: int = Field(
        default=240,
        ge=60,
        le=10_000,
        description="Blocks of 200 parts or 15 minutes a recipe's reject rate and mix of classes are learned from; fewer arm "
        "sooner and see less.",
    )
    arming: Literal["automatic", "after_acceptance"] = Field(
        default="automatic",
        description="automatic: in force when the gate passes. after_acceptance: waits for `linewarden baseline accept`.",
    )
    tolerances: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        description="Per channel, the change too small to matter, in the channel's tolerance unit (see docs/channels.md); "
        "for reject_rate and class_mix a share of the rate (default 0.1).",
    )


class OutcomesSection(Section):
    """How the truth about parts arrives."""

    mode: Literal["none", "sample", "census"] = Field(
        default="none",
        description="none: no outcomes. sample: silence about a part means unknown. census: silence after the delay means good.",
    )
    delay_s: float = Field(default=28_800.0, ge=0, description="After this long a part's outcome has arrived or never will.")
    audits_per_month: float = Field(
        default=5_000.0,
        gt=0,
        description="Most passed parts whose outcome is learned in a month; sets the outcome test's threshold.",
    )
    confirmed: bool = Field(
        default=True, description="Finds are confirmed by a second look before they are reported (claim floor 2e-4, else 1e-3)."
    )
    max_escape_ppm: float | None = Field(
        default=None,
        gt=0,
        lt=1_000_000,
        examples=[500.0],
        description="Declared limit: defective parts per million passed. Needed without labels.",
    )
    claims: Literal["learned", "declared"] = Field(
        default="learned",
        description="What audits are judged against. learned: claims fitted to the labelled baseline passes, by score; the "
        "declared limit until then. declared: `max_escape_ppm` alone, for every audited part: finds rises that are small beside "
        "what the labels can prove, and needs audits that are not drawn near the threshold where these parts are bad more often.",
    )
    contradictions_share: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Of parts that were told of more than once, the share judged both good and bad above which an alarm is raised.",
    )
    sources: list[SourceSection] = Field(
        default=[], max_length=MAX_SOURCES, description="Several sources; then mode, delay_s and confirmed are each source's own."
    )

    @model_validator(mode="after")
    def _one_place_for_each(self) -> OutcomesSection:
        names = [source.name for source in self.sources]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"expected each source once, got {twice!r} twice")
        both = sorted({"mode", "delay_s", "confirmed"} & self.model_fields_set) if names else []
        if both:
            raise ValueError(f"expected {', '.join(both)} in each of the sources, got it beside them")
        wrong = next((s.name for s in self.sources if s.coverage == "census" and not s.counts), None)
        if wrong is not None:
            raise ValueError(
                f"expected a sample, got a census of {wrong!r}: the silence of those who notice by chance means nothing"
            )
        return self

    @model_validator(mode="after")
    def _declared(self) -> OutcomesSection:
        if self.claims == "declared" and self.max_escape_ppm is None:
            raise ValueError('expected max_escape_ppm with claims = "declared", got none')
        return self

    @cached_property
    def told_by(self) -> tuple[SourceSection, ...]:
        """The sources; where none is declared, one that stands for whatever name an outcome has."""
        if self.sources or self.mode == "none":
            return tuple(self.sources)
        return (SourceSection(name="*", kind="audit", coverage=self.mode, delay_s=self.delay_s, confirmed=self.confirmed),)

    @property
    def is_on(self) -> bool:
        """Whether outcomes are expected at all."""
        return bool(self.told_by)

    @property
    def judges(self) -> bool:
        """Whether any source may enter a rate."""
        return any(source.counts for source in self.told_by)

    @property
    def samples(self) -> bool:
        """Whether any source that counts tells of some parts only, so that it can be asked for others."""
        return any(source.counts and source.coverage == "sample" for source in self.told_by)

    @property
    def finds_confirmed(self) -> bool:
        """Whether every source that counts confirms its finds."""
        return all(source.confirmed for source in self.told_by if source.counts)

    @property
    def cohort_delay_s(self) -> float:
        """After this long all that count have told of a part, or never will."""
        counting = [source.delay_s for source in self.told_by if source.counts]
        return max(counting or [source.delay_s for source in self.told_by], default=0.0)


class PictureSection(Section):
    """Hard limits of a picture: beyond them it shows nothing. Judged from the first frame on, outside the false-alarm budget."""

    darkest: float = Field(
        default=4.0, ge=0, lt=255, description="Mean grey below which the picture is black; 0: never, for dark field."
    )
    brightest: float = Field(default=251.0, gt=0, le=255, description="Mean grey above which the picture is white. 255: never.")
    flattest: float = Field(default=0.01, ge=0, lt=1, description="Contrast (sd of grey over mean) below which nothing is in view.")
    least_part: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="Area of the part, as a share of the golden frame's, below which there is no part; 0: never. Needs an outline.",
    )
    least_margin_px: float = Field(
        default=1.0,
        le=10_000,
        description="Pixels between the part and the edge of its field below which it is out of field. Needs an outline; not "
        "judged where the golden part touches the edge itself.",
    )
    frames: int = Field(default=3, ge=1, le=1000, description="So many in a row raise the alarm.")
    frozen_frames: int = Field(default=5, ge=2, le=1000, description="The same picture so many times in a row is a stuck camera.")


class FeedSection(Section):
    """What must keep arriving, and how long it may stay away. Outside the false-alarm budget."""

    silence_s: float = Field(
        default=120.0, ge=10, description="No result for so long, and for 20 times the usual pitch, while the line runs."
    )
    outcome_silence_s: float = Field(
        default=86_400.0, ge=10, description="No outcome for so much production time, and for 20 times the usual interval."
    )
    clock_offset_s: float = Field(default=60.0, ge=1, description="The source's clock may differ from the agent's by so much.")


class ResponseSection(Section):
    """One step of what is done when something alarms: by whom, for which cause."""

    cause: Literal[
        "any",
        "lamp",
        "lamp_segment",
        "window",
        "stray_light",
        "focus",
        "camera",
        "fixture",
        "tool",
        "material",
        "new_defect",
        "model",
        "threshold",
        "wrong_outcomes",
        "data_feed",
        "clock",
    ] = Field(default="any", description="Asked for when this cause is named; any: always.")
    step: Text = Field(description="What to do.", examples=["Clean the window, check the lamp, run the check parts."])
    role: Literal["operator", "quality", "maintenance", "engineer", "deputy", "owner"] = Field(
        default="operator", description="Who does it; deputy and owner may do every step."
    )
    within_min: int = Field(default=0, ge=0, le=100_000, description="Within so many minutes of the alarm; 0: not stated.")


# The register entry of a station.
NEEDED_TO_ARM = ("owner", "deputy", "decision", "consequence", "tier")


class StationSection(Section):
    """One inspection station: the register entry without which it does not arm, and how it is watched."""

    id: Identifier = Field(description="Name of the station, as in the records.")
    owner: Text | None = Field(default=None, description="Who answers for this AI system. Without it the station does not arm.")
    deputy: Text | None = Field(default=None, description="Who answers in the owner's absence.")
    decision: Text | None = Field(default=None, description="What decision the model influences.")
    consequence: Text | None = Field(default=None, description="What happens when it is wrong.")
    tier: Literal[1, 2, 3] | None = Field(default=None, description="By consequence: 1 gravest, 3 mildest.")
    views: list[Identifier] = Field(default=["main"], min_length=1, description="Camera views this station reports.")
    positions: list[str] = Field(default=[""], min_length=1, description="Positions (cavity, nest) within a view.")
    parts_per_month: float = Field(default=500_000.0, gt=0, description="Most parts expected in a month; sets the thresholds.")
    false_alarms_per_month: float = Field(default=0.5, gt=0, le=10, description="The station's whole false-alarm budget.")
    outcome_share: float = Field(
        default=0.2, gt=0, lt=1, description="Share of the budget that the tests of outcomes and challenge parts get."
    )
    threshold: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        examples=[0.5],
        description="The model's decision threshold on p_defect, when the records do not carry it.",
    )
    model_file: Path | None = Field(
        default=None,
        examples=["/opt/vision/model.onnx"],
        description="The model's file, if it is on this machine: `linewarden doctor` compares its SHA-256 with the records'.",
    )
    run_gap_s: float = Field(default=1800.0, gt=0, description="A longer pause between parts starts a new run.")
    reorder_parts: int = Field(default=64, ge=0, le=10_000, description="Parts a numbered source may deliver out of order.")
    baseline: BaselineSection = Field(default=BaselineSection(), description="Phase I.")
    outcomes: OutcomesSection = Field(default=OutcomesSection(), description="Truth.")
    picture: PictureSection = Field(default=PictureSection(), description="Hard limits of a picture.")
    feed: FeedSection = Field(default=FeedSection(), description="Feed health.")
    response: list[ResponseSection] = Field(default=[], max_length=100, description="The response plan.")
    references: list[ReferenceSection] = Field(default=[], max_length=64, description="Golden frames.")
    limits: list[LimitSection] = Field(default=[], max_length=32, description="Limits of slow ageing.")
    measurements: list[MeasurementSection] = Field(
        default=[], max_length=MAX_MEASUREMENTS, description="The vision tool's own measurements."
    )
    audits: AuditsSection = Field(default=AuditsSection(), description="Which passed parts are asked for again.")
    blind_spot: BlindSpotSection = Field(default=BlindSpotSection(), description="How long a rise could go unnoticed.")
    estimates: EstimatesSection = Field(default=EstimatesSection(), description="Rates and what they are judged against.")
    feedback: FeedbackSection = Field(default=FeedbackSection(), description="What operators report.")
    challenge: ChallengeSection = Field(default=ChallengeSection(), description="When challenge parts are due.")
    challenge_sets: list[ChallengeSetSection] = Field(default=[], max_length=MAX_SETS, description="Challenge parts.")

    @property
    def registered(self) -> bool:
        """Whether the register entry is complete: without it nothing arms."""
        return all(getattr(self, name) is not None for name in NEEDED_TO_ARM)


class PlugIn(Section):
    """A tap or a sink: `type` names the folder, `name` is yours, the rest are that folder's options."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    type: Identifier
    name: Identifier

    @property
    def options(self) -> dict[str, Any]:
        """The plug-in's own options, validated against its `Options` by the loader."""
        return dict(self.model_extra or {})


class Config(Section):
    """The whole file."""

    agent: AgentSection = Field(default=AgentSection(), description="The agent process.")
    store: StoreSection = Field(default=StoreSection(), description="Retention.")
    frames: FramesSection = Field(default=FramesSection(), description="Frame limits.")
    metrics: MetricsSection = Field(default=MetricsSection(), description="Prometheus.")
    stations: list[StationSection] = Field(min_length=1, description="What is watched.")
    taps: list[PlugIn] = Field(default=[], description="Where records come from.")
    sinks: list[PlugIn] = Field(default=[], description="Where alarms go.")
    mappings: list[MappingSection] = Field(default=[], max_length=64, description="How outcome files are written.")
