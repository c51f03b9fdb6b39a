"""Causes and reasons in words, by the codes of detectors/attribution.py. Likely, never certain."""

from __future__ import annotations

CAUSES: dict[str, dict[str, str]] = {
    "en": {
        "lamp": "lamp",
        "lamp_segment": "lamp segment",
        "window": "dirty window",
        "focus": "focus",
        "camera": "camera mount",
        "fixture": "fixture",
        "tool": "tool wear",
        "material": "material",
        "new_defect": "new kind of defect",
        "model": "changed model",
        "threshold": "changed reject limit",
    },
    "de": {
        "lamp": "Lampe",
        "lamp_segment": "Lampensegment",
        "window": "schmutziges Fenster",
        "focus": "Fokus",
        "camera": "Kamerahalter",
        "fixture": "Aufnahme",
        "tool": "Werkzeugverschleiß",
        "material": "Material",
        "new_defect": "neue Fehlerart",
        "model": "geändertes Modell",
        "threshold": "geänderter Grenzwert",
    },
}

REASONS: dict[str, dict[str, str]] = {
    "en": {
        "darker": "the picture is darker",
        "brighter": "the picture is brighter",
        "alike_everywhere": "brightness changed everywhere alike",
        "corners_brighter": "the corners became brighter against the middle",
        "corners_darker": "the corners became darker against the middle",
        "part_greyer": "the part became darker, what is around it did not",
        "part_lighter": "the part became brighter, what is around it did not",
        "veil": "dark became brighter and bright darker, the mean stayed",
        "contrast_lower": "contrast is lower",
        "contrast_higher": "contrast is higher",
        "place_changed": "brightness changed in one place more than in others",
        "one_side_darker": "the picture is darker, one side more than the other",
        "whites_clipped": "more or less of the picture is pure white",
        "blacks_clipped": "more or less of the picture is pure black",
        "colour": "the colour changed",
        "less_sharp": "the picture is less sharp",
        "less_sharp_alone": "sharpness changed, light did not",
        "sharper": "the picture is sharper or rougher",
        "grainier": "the grain changed",
        "scores_without_picture": "the model's scores moved, the picture's light and focus did not",
        "picture_first": "the picture changed before the model's scores",
        "scores_with_picture": "the model's scores moved with the picture",
        "picture_without_scores": "the picture changed, the model's scores did not",
        "more_rejected": "more parts are rejected",
        "fewer_rejected": "fewer parts are rejected",
        "rejects_without_scores": "the reject rate moved, neither scores nor picture did",
        "escapes_unseen": "bad parts pass, and neither picture nor scores nor identity saw it",
        "escapes": "bad parts pass",
        "model_changed": "another model, runtime or setting judges",
        "threshold_changed": "the reject limit was changed",
        "lot_event": "a lot was changed at about the same time",
        "lamp_event": "work on the lamp at about the same time",
        "cleaning_event": "cleaning at about the same time",
        "camera_event": "work on the camera at about the same time",
        "tool_event": "a tool change or maintenance at about the same time",
        "software_event": "a change of model or software at about the same time",
    },
    "de": {
        "darker": "das Bild ist dunkler",
        "brighter": "das Bild ist heller",
        "alike_everywhere": "die Helligkeit änderte sich überall gleich",
        "corners_brighter": "die Ecken wurden heller gegenüber der Mitte",
        "corners_darker": "die Ecken wurden dunkler gegenüber der Mitte",
        "part_greyer": "das Teil wurde dunkler, die Umgebung nicht",
        "part_lighter": "das Teil wurde heller, die Umgebung nicht",
        "veil": "Dunkles wurde heller, Helles dunkler, das Mittel blieb",
        "contrast_lower": "der Kontrast ist geringer",
        "contrast_higher": "der Kontrast ist höher",
        "place_changed": "die Helligkeit änderte sich an einer Stelle mehr als an anderen",
        "one_side_darker": "das Bild ist dunkler, eine Seite mehr als die andere",
        "whites_clipped": "mehr oder weniger reines Weiß im Bild",
        "blacks_clipped": "mehr oder weniger reines Schwarz im Bild",
        "colour": "die Farbe änderte sich",
        "less_sharp": "das Bild ist unschärfer",
        "less_sharp_alone": "die Schärfe änderte sich, das Licht nicht",
        "sharper": "das Bild ist schärfer oder rauer",
        "grainier": "die Körnung änderte sich",
        "scores_without_picture": "die Werte des Modells verschoben sich, Licht und Schärfe des Bildes nicht",
        "picture_first": "das Bild änderte sich vor den Werten des Modells",
        "scores_with_picture": "die Werte des Modells verschoben sich mit dem Bild",
        "picture_without_scores": "das Bild änderte sich, die Werte des Modells nicht",
        "more_rejected": "mehr Teile werden aussortiert",
        "fewer_rejected": "weniger Teile werden aussortiert",
        "rejects_without_scores": "der Ausschuss änderte sich, Werte und Bild nicht",
        "escapes_unseen": "Schlechtteile gehen durch, und weder Bild noch Werte noch Identität zeigen etwas",
        "escapes": "Schlechtteile gehen durch",
        "model_changed": "ein anderes Modell, eine andere Laufzeit oder Einstellung urteilt",
        "threshold_changed": "der Grenzwert wurde geändert",
        "lot_event": "um dieselbe Zeit ein Loswechsel",
        "lamp_event": "um dieselbe Zeit Arbeit an der Lampe",
        "cleaning_event": "um dieselbe Zeit eine Reinigung",
        "camera_event": "um dieselbe Zeit Arbeit an der Kamera",
        "tool_event": "um dieselbe Zeit Werkzeugwechsel oder Wartung",
        "software_event": "um dieselbe Zeit eine Änderung an Modell oder Software",
    },
}

_PHRASES = {"en": ("{} likely.", " or ", "Cause unknown."), "de": ("Wohl {}.", " oder ", "Ursache unbekannt.")}


def say_causes(language: str, causes: tuple[str, ...]) -> str:
    """The likely causes as the sentence of an alarm."""
    likely, between, unknown = _PHRASES[language]
    if not causes:
        return unknown
    words = likely.format(between.join(CAUSES[language][cause] for cause in causes))
    return words[0].upper() + words[1:]
