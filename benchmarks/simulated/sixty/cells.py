"""The cells of every question: a world, what the planner is configured to, and until when it is played. Ids are permanent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.simulated.sixty.production import Policy, World

NEVER = 1_000.0  # a day no history reaches
ESCAPES, MISSED = "bad-parts-passed", "check-missed-crack"
AUDITS_ALONE = World(challenges=0)
CHALLENGED = World(days=24.0)  # found long before its end
QUIET = World(days=30.0, fault_day=NEVER, missed_after=0.02, challenges=0)
# As a plant's own labels are: good news a week late. Made to double every week; defective with the probability the score says.
RAMP = World(
    days=28.0,
    fault_day=NEVER,
    by_score=True,
    challenges=0,
    commissioning=5_000,
    volume=(1.0 / 16.0, 1.0),
    bad_median_h=20.0,
    good_median_h=120.0,
    answer_limit_h=216.0,
    cohort_h=300.0,
)
STEADY = World(days=30.0, fault_day=NEVER, by_score=True, challenges=0, commissioning=40_000)


@dataclass(frozen=True)
class Cell:
    """One line of a table."""

    name: str
    world: World
    policies: tuple[Policy, ...] = (Policy(),)
    until: str = ""  # played on to this alarm after the fault; empty: to the end
    declared_ppm: float | None = None
    says: str = ""


def _variation() -> tuple[Cell, ...]:
    """A tenfold rise needs a declared limit to be found by audits at all; one to all of the mode, claims learned from labels."""
    rise, blind = replace(AUDITS_ALONE, labelled=False), replace(AUDITS_ALONE, missed_after=1.0)
    cells = []
    for size, world, declared in (("0.2", rise, 50.0), ("1", blind, None)):

        def cell(name: str, says: str, policy: Policy, world: World = world, declared: float | None = declared) -> Cell:
            return Cell(name, world, (policy,), ESCAPES, declared, says)

        tag = f"declared-{size}" if declared else size
        cells += [
            cell(f"audits-{fraction:g}-{tag}", f"{100 * fraction:g} % audited", Policy(fraction)) for fraction in (0.01, 0.02, 0.05)
        ]
        near = (("uniform", 0.003, "2 %, uniform"), ("low", 0.95, "2 %, low confidence: as many as there are near the threshold"))
        cells += [cell(f"policy-{name}-{tag}", says, Policy(0.02, share)) for name, share, says in near]
        cells.append(
            cell(
                f"policy-rejects-{tag}",
                "rejects alone are looked at again",
                Policy(),
                replace(world, rejects_alone=True),
            )
        )
        for a_day in (5, 15, 30):
            masters = replace(CHALLENGED, days=40.0 if a_day == 5 else 24.0, challenges=a_day, missed_after=world.missed_after)
            says = f"2 %, and {a_day} check parts a day"
            cells += [Cell(f"challenge-{a_day}-{size}", masters, until=MISSED, says=says)]
    return tuple(cells)


QUESTIONS: dict[str, tuple[Cell, ...]] = {
    "fault": (
        Cell("fault-challenge-15", CHALLENGED, until=MISSED, says="2 % audited and 15 check parts a day"),
        Cell("fault-audits", AUDITS_ALONE, until=ESCAPES, says="2 % audited, claims learned"),
        Cell(
            "fault-declared-50",
            replace(AUDITS_ALONE, labelled=False),
            until=ESCAPES,
            declared_ppm=50.0,
            says="2 % audited, 50 ppm declared, no labels",
        ),
    ),
    "variation": _variation(),
    "steady": (
        Cell("ramp", RAMP, says="volume x16 in 28 days, finds after 20 h, good ones after 120 h"),
        Cell("switch", STEADY, (Policy(0.02, 0.003), Policy(0.02, 0.95, 15.0)), says="policy: uniform to low confidence on day 15"),
        Cell("switch-rate", STEADY, (Policy(0.05, 0.3), Policy(0.01, 0.3, 15.0)), says="rate: 5 % to 1 % on day 15"),
    ),
    "reviewers": (
        Cell("finds-confirmed", QUIET, says="0.05 % false finds, a second look at each"),
        Cell("finds-unconfirmed", replace(QUIET, second_look=False), says="0.05 %, no second look, as declared: floor 0.1 %"),
        Cell(
            "finds-said-confirmed",
            replace(QUIET, said_confirmed=True),
            says="0.05 %, no second look, and declared as if there were one: floor 0.02 %",
        ),
        Cell("finds-0.5-confirmed", replace(QUIET, false_finds=0.005), says="0.5 % false finds, a second look at each"),
        Cell(
            "finds-0.5-unconfirmed", replace(QUIET, false_finds=0.005, second_look=False), says="0.5 %, no second look, as declared"
        ),
    ),
    "stopped": (
        Cell(
            "outcomes-stopped",
            replace(QUIET, missed_after=1.0, outcomes_until=15.0, days=26.0),
            says="nobody tells anything from day 15",
        ),
    ),
}


def named(name: str) -> Cell:
    """The cell of this id."""
    return next(cell for cells in QUESTIONS.values() for cell in cells if cell.name == name)
