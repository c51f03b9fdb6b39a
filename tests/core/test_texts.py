"""The catalogue of words: both languages, within the limit, and on the page."""

import re
from itertools import permutations
from pathlib import Path

import pytest

from agent.core.causes import CAUSES, say_blind_shortly, say_causes
from agent.core.mix import LONGEST as LONGEST_CLASS
from agent.core.texts import CATALOGUES, ENGLISH, FAMILIES, LIMIT
from detectors.channels import IMAGE_CHANNELS, REFERENCE_CHANNELS, SCORE_CHANNELS

PAGE = (Path(__file__).parents[2] / "docs" / "alarms.md").read_text()
LEVELS = {code for spec in (*IMAGE_CHANNELS, *REFERENCE_CHANNELS, *SCORE_CHANNELS) for code in (spec.up, spec.down)}
LEVELS |= {"measure_larger", "measure_smaller"}  # of calipers
LONGEST = {
    "st": "STATION-12",
    "size": "100 min",
    "since": "31.12. 23:59",
    "found": "1234",
    "audits": "12345",
    "claimed": "123.4",
    "hold": "31.12. 23:59",
    "source": "x" * 40,
    "part": "P" * 20,
    "count": "1234",
    "window": "1234",
    "old": "m" * 32,
    "new": "m" * 32,
    "was": "12.3 %",
    "place": "bottom right",
    "what": max((name for names in FAMILIES.values() for name in names.values()), key=len),
    "channel": "c" * 32,
    "class": "c" * LONGEST_CLASS,
    "limit": "-0.1234 share of the mean",
    "span": "12–1234",
    "mode": "m" * 24,
    "set": "s" * 24,
    "missed": "123",
    "shown": "1234",
    "parts": "1,000,000",
    "days": "1,000+",
    "expired": "2027-06-30",
}


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_code_is_said_in_every_language_from_the_same_facts(language):
    catalogue = CATALOGUES[language]
    assert catalogue.keys() == ENGLISH.keys()
    longest = LONGEST | {
        "cause": max((say_causes(language, pair, both=True) for pair in permutations(CAUSES[language], 2)), key=len),
        "blind": say_blind_shortly(language, ("lighting", "scores", "rates"), ()),
    }
    for code, words in catalogue.items():
        said, meant = (set(re.findall(r"{(\w+)}", w.text)) for w in (words, ENGLISH[code]))
        assert said == meant, code
        text = words.text.format_map(longest)
        assert len(text) <= LIMIT, (code, len(text))
        words.response.format_map(longest)


def test_every_alarm_outside_the_channels_is_on_the_page():
    for code in ENGLISH.keys() - LEVELS:
        assert code.startswith("place_") or f"`{code}`" in PAGE or f"`{code.replace('_', '-')}`" in PAGE, code


def test_every_family_of_channels_has_a_name_in_every_language():
    for names in FAMILIES.values():
        assert {spec.family for spec in (*IMAGE_CHANNELS, *SCORE_CHANNELS)} <= names.keys()
