"""Limits of slow ageing in the fold: production days, the time left, events, and an alarm when it is surely short."""

import math
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from agent.core.ageing import MIN_DAY_FRAMES
from agent.records import Event, Told
from detectors.channels import IMAGE_CHANNELS
from tests.core.folding import START, Folding, config, part, raw_rows
from tests.core.test_fold import facts

LUMINANCE = [spec.name for spec in IMAGE_CHANNELS].index("luminance")
LAMP = {"name": "lamp", "channel": "luminance", "limit": 70.0, "beyond": "below", "horizon_days": 20.0}
PARTS = 40  # a day
QUIET = {"baseline": {"parts": 100_000, "min_stream_parts": 100_000}, "outcomes": {"mode": "none"}}


def limited(*limits, **more):
    return config(**{**QUIET, "limits": list(limits or [LAMP]), **more})


def entry(day, n, level, *, recipe="A", hour=8.0):
    row = raw_rows(np.random.default_rng([day, n]), 1)[0]
    row[LUMINANCE] = level * (1.0 + 0.01 * np.random.default_rng([7, day, n]).standard_normal())
    made = part(0, row, p=None, recipe=recipe)
    at = START.replace(hour=0) + timedelta(days=day, hours=hour, seconds=60 * n)
    record = msgspec.structs.replace(made.record, part_id=f"D{day:03d}{recipe}{n:02d}", captured_at=at)
    return msgspec.structs.replace(made, record=record)


def days(level, count, *, first=0, parts=PARTS):
    """Production days whose light is level(day)."""
    return [entry(day, n, level(day)) for day in range(first, first + count) for n in range(parts)]


def event(kind, day):
    return Told(Event("ST4", kind, START.replace(hour=0) + timedelta(days=day, hours=1)))


def fading(day):
    return 100.0 - 0.4 * day


def limit(folding, k=0):
    return folding.station.limits[k]


@pytest.fixture(scope="module")
def faded():
    return Folding(limited()).all(days(fading, 75))


def test_the_time_left_is_told_with_an_interval_that_holds_it():
    folding = Folding(limited()).all(days(fading, 45))
    shown = limit(folding)
    assert (shown.limit, shown.channel, shown.unit, shown.production_days) == ("lamp", "luminance", "grey level", 44)
    left = (fading(43) - 70.0) / 0.4
    assert shown.is_informative
    assert shown.earliest < left < shown.latest
    assert shown.slope == pytest.approx(-0.4, abs=0.1)
    assert shown.is_due is (shown.earliest < 20)
    assert folding.alarms == []


def test_before_a_line_is_there_it_says_how_many_more_days_it_needs():
    shown = limit(Folding(limited()).all(days(fading, 8)))
    assert not shown.is_informative
    assert 0 < shown.more_days < 30
    assert shown.days == math.inf


def test_a_limit_that_is_surely_near_is_an_alarm_for_maintenance_and_holds_nothing(faded):
    (alarm,) = faded.alarms
    assert (alarm.alarm_id, alarm.code, alarm.andon, alarm.stream) == ("limit-lamp", "limit_near", "amber", "trend")
    assert "lamp reaches its limit (70 grey level) in about" in alarm.text
    left = (fading(int(alarm.part_id[1:4])) - 70.0) / 0.4
    assert 0 < left < 20
    assert alarm.evidence.value >= alarm.evidence.threshold
    assert all(incident.hold is None for incident in faded.incidents)
    assert faded.incidents[-1].harm == "not_shown"


def test_a_lamp_that_does_not_age_is_never_due():
    folding = Folding(limited()).all(days(lambda _day: 80.0, 75))
    assert folding.alarms == []
    assert not limit(folding).is_due
    assert not limit(folding).is_informative
    assert limit(folding).more_days == math.inf


def test_another_lamp_ends_the_alarm_and_begins_anew(faded):
    folding = Folding(limited()).all(days(fading, 75))
    folding.fold(event("lamp", 75))
    folding.fold(entry(75, 0, 100.0))
    assert folding.alarms[-1].transition == "UNACK→RTNUN"
    assert facts(folding.alarms[:1]) == facts(faded.alarms)
    folding.all(days(lambda _day: 100.0, 10, first=75))
    assert not limit(folding).is_informative
    assert len(folding.alarms) == 2


def test_a_declared_cleaning_is_a_step_and_no_ageing():
    """A window cleaned every 20 days gains 3 %; undeclared, the gain hides half of the ageing."""

    def cleaned(day):
        return fading(day) + 3.0 * (day // 20)

    entries = days(cleaned, 60)
    declared = []
    for day in range(60):
        declared += [event("cleaning", day)] if day and day % 20 == 0 else []
        declared += entries[PARTS * day : PARTS * (day + 1)]
    told = limit(Folding(limited()).all(declared))
    untold = limit(Folding(limited()).all(entries))
    assert told.slope == pytest.approx(-0.4, abs=0.08)
    assert abs(untold.slope) < 0.32


def test_only_parts_of_its_recipe_count_where_a_limit_names_one():
    folding = Folding(limited({**LAMP, "recipe": "A"}))
    for day in range(45):
        folding.all(entry(day, n, fading(day)) for n in range(PARTS))
        folding.all(entry(day, n, 30.0, recipe="B", hour=12.0) for n in range(PARTS))
    assert limit(folding).slope == pytest.approx(-0.4, abs=0.1)
    assert folding.alarms == []


def test_a_record_of_a_wrong_date_and_a_day_of_a_few_parts_are_no_production_days():
    folding = Folding(limited())
    for day in range(30):
        for n in range(PARTS):
            folding.fold(entry(day, n, fading(day)))
            if n == 30:
                folding.fold(entry(4000, day, 100.0))
    folding.all(days(fading, 1, first=30, parts=MIN_DAY_FRAMES - 1))
    folding.all(days(fading, 1, first=31))
    assert limit(folding).production_days == 30


def test_a_restart_at_any_point_changes_no_alarm_and_no_day(faded):
    rng = np.random.default_rng(7)
    folding = Folding(limited())
    for one in days(fading, 75):
        folding.fold(one)
        if rng.random() < 0.02:
            folding.restarted()
    assert facts(folding.alarms) == facts(faded.alarms)
    assert folding.core.save() == faded.core.save()


def test_a_limit_added_later_does_not_make_the_others_forget(faded):
    shown = limit(faded)
    more = limited({**LAMP, "name": "early", "limit": 90.0}, LAMP)
    folding = Folding(more)
    folding.core.load(faded.core.save())
    assert (limit(folding, 1).days, limit(folding, 1).latest) == (shown.days, shown.latest)
    assert limit(folding, 0).days == math.inf


def test_a_station_without_an_owner_shows_the_time_left_and_raises_nothing(faded):
    folding = Folding(limited(owner=None)).all(days(fading, 75))
    assert folding.alarms == []
    assert limit(folding).days == limit(faded).days
