"""Causes, what to do about them, and reasons in words, by the codes of detectors/clues.py. Likely, never certain."""

from __future__ import annotations

from collections.abc import Collection

from detectors.clues import IMAGING

CAUSES: dict[str, dict[str, str]] = {
    "en": {
        "lamp": "lamp/exposure",
        "lamp_segment": "lamp segment",
        "window": "dirty window",
        "stray_light": "stray light",
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
        "lamp": "Lampe/Belichtung",
        "lamp_segment": "Lampensegment",
        "window": "schmutziges Fenster",
        "stray_light": "Fremdlicht",
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
        "darks_lifted": "the picture is brighter and its contrast lower, as with light added everywhere",
        "contrast_higher": "contrast is higher",
        "place_changed": "brightness changed in one place more than in others",
        "one_side_darker": "the picture is darker, one side more than the other",
        "whole_side_darker": "a whole side with its corners is darker",
        "moved_in_picture": "one side became darker and the opposite brighter, the whole neither",
        "corners_opposed": "the corners of one side changed against those of the other",
        "light_varies": "brightness varies from picture to picture",
        "whites_clipped": "more or less of the picture is pure white",
        "blacks_clipped": "more or less of the picture is pure black",
        "colour": "the colour changed",
        "less_sharp": "the picture is less sharp",
        "less_sharp_alone": "sharpness changed, light did not",
        "sharper": "the picture is sharper or rougher",
        "grainier": "the grain changed",
        "sharpness_varies": "sharpness varies from picture to picture",
        "part_and_fixtures_alike": "part and fixtures became darker alike",
        "less_sharp_unmoved": "the picture is less sharp, the camera did not move",
        "fixtures_moved": "the fixtures moved in the picture: the camera did",
        "fixtures_scaled": "the fixtures became larger or smaller in the picture",
        "fixtures_scaled_blurred": "the fixtures became larger or smaller, in a less sharp picture",
        "fixtures_hidden": "the fixtures are covered, dirty or out of focus",
        "fixtures_shake": "the fixtures shake in the picture",
        "part_lies_loosely": "where the part lies varies more than learned",
        "places_crossed_blurred": "only places that the part crosses are less sharp",
        "part_alone_moved": "the part moved, the fixtures did not",
        "part_moved_too": "the part moved against the fixtures",
        "measure_changed": "a measured distance on the part changed",
        "measure_changed_blurred": "a measured distance changed, in a less sharp picture",
        "outline_changed": "the part's outline changed",
        "shape_varies": "position or shape of the part varies more than learned",
        "part_looks_other": "the part looks different from the golden one",
        "reflectance_changed": "the part became darker or brighter against the fixtures",
        "part_colour": "the part's colour changed",
        "texture_changed": "the part's texture changed",
        "texture_rougher": "the part's surface became rougher, light and grain did not change",
        "texture_alone": "the part's texture changed, sharpness did not",
        "surface_varies": "the look of the part varies more than learned",
        "novel_parts": "more parts unlike any learned",
        "novel_without_picture": "more parts unlike any learned, light, sharpness and camera unchanged",
        "between_runs": "what differs from lot to lot or set-up to set-up has moved for all of them",
        "scores_without_picture": "the model's scores moved, the picture's light and focus did not",
        "scores_vary": "the model's scores vary more than learned",
        "picture_first": "the picture changed before the model's scores",
        "scores_with_picture": "the model's scores moved with the picture",
        "picture_without_scores": "the picture changed, the model's scores did not",
        "more_rejected": "more parts are rejected",
        "fewer_rejected": "fewer parts are rejected",
        "rejects_without_scores": "the reject rate moved, neither scores nor picture did",
        "other_classes": "the model names other kinds of defects than learned",
        "new_classes": "the model names kinds of defects it did not name before",
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
        "darks_lifted": "das Bild ist heller, sein Kontrast geringer, wie bei überall zugesetztem Licht",
        "contrast_higher": "der Kontrast ist höher",
        "place_changed": "die Helligkeit änderte sich an einer Stelle mehr als an anderen",
        "one_side_darker": "das Bild ist dunkler, eine Seite mehr als die andere",
        "whole_side_darker": "eine ganze Seite mit ihren Ecken ist dunkler",
        "moved_in_picture": "eine Seite wurde dunkler, die andere heller, das Ganze keins von beiden",
        "corners_opposed": "die Ecken einer Seite änderten sich entgegen denen der anderen",
        "light_varies": "die Helligkeit schwankt von Bild zu Bild",
        "whites_clipped": "mehr oder weniger reines Weiß im Bild",
        "blacks_clipped": "mehr oder weniger reines Schwarz im Bild",
        "colour": "die Farbe änderte sich",
        "less_sharp": "das Bild ist unschärfer",
        "less_sharp_alone": "die Schärfe änderte sich, das Licht nicht",
        "sharper": "das Bild ist schärfer oder rauer",
        "grainier": "die Körnung änderte sich",
        "sharpness_varies": "die Schärfe schwankt von Bild zu Bild",
        "part_and_fixtures_alike": "Teil und Aufnahme wurden gleich dunkler",
        "less_sharp_unmoved": "das Bild ist unschärfer, die Kamera bewegte sich nicht",
        "fixtures_moved": "die Aufnahme wanderte im Bild: die Kamera bewegte sich",
        "fixtures_scaled": "die Aufnahme wurde im Bild größer oder kleiner",
        "fixtures_scaled_blurred": "die Aufnahme wurde größer oder kleiner, in unschärferem Bild",
        "fixtures_hidden": "die Aufnahme ist verdeckt, schmutzig oder unscharf",
        "fixtures_shake": "die Aufnahme zittert im Bild",
        "part_lies_loosely": "die Lage der Teile schwankt mehr als gelernt",
        "places_crossed_blurred": "nur wo das Teil vorbeikommt, ist das Bild weniger scharf",
        "part_alone_moved": "das Teil wanderte, die Aufnahme nicht",
        "part_moved_too": "das Teil wanderte gegenüber der Aufnahme",
        "measure_changed": "ein gemessener Abstand am Teil änderte sich",
        "measure_changed_blurred": "ein gemessener Abstand änderte sich, in unschärferem Bild",
        "outline_changed": "der Umriss des Teils änderte sich",
        "shape_varies": "Lage oder Form der Teile schwankt mehr als gelernt",
        "part_looks_other": "das Teil sieht anders aus als das Musterteil",
        "reflectance_changed": "das Teil wurde heller oder dunkler gegenüber der Aufnahme",
        "part_colour": "die Farbe des Teils änderte sich",
        "texture_changed": "die Oberfläche des Teils änderte sich",
        "texture_rougher": "die Oberfläche des Teils wurde rauer, Licht und Körnung blieben",
        "texture_alone": "die Oberfläche des Teils änderte sich, die Schärfe nicht",
        "surface_varies": "das Aussehen der Teile schwankt mehr als gelernt",
        "novel_parts": "mehr Teile, die keinem gelernten gleichen",
        "novel_without_picture": "mehr Teile, die keinem gelernten gleichen, Licht, Schärfe und Kamera unverändert",
        "between_runs": "was von Los zu Los oder Rüstung zu Rüstung verschieden ist, verschob sich für alle",
        "scores_without_picture": "die Werte des Modells verschoben sich, Licht und Schärfe des Bildes nicht",
        "scores_vary": "die Werte des Modells schwanken mehr als gelernt",
        "picture_first": "das Bild änderte sich vor den Werten des Modells",
        "scores_with_picture": "die Werte des Modells verschoben sich mit dem Bild",
        "picture_without_scores": "das Bild änderte sich, die Werte des Modells nicht",
        "more_rejected": "mehr Teile werden aussortiert",
        "fewer_rejected": "weniger Teile werden aussortiert",
        "rejects_without_scores": "der Ausschuss änderte sich, Werte und Bild nicht",
        "other_classes": "das Modell nennt andere Fehlerarten als gelernt",
        "new_classes": "das Modell nennt Fehlerarten, die es bisher nicht nannte",
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

RESPONSES: dict[str, dict[str, str]] = {
    "en": {
        "lamp": "Check lamp and exposure. Run check parts.",
        "lamp_segment": "Look whether a part of the lamp is dark. Run check parts.",
        "window": "Clean window. Run check parts.",
        "stray_light": "Look for open covers, daylight, other lamps. Run check parts.",
        "focus": "Check focus and lens, clean window. Run check parts.",
        "camera": "Do not readjust. Run check parts, call maintenance: camera mount and lens.",
        "fixture": "Check nest, clamps and feeding. Set 5 parts aside for quality.",
        "tool": "Check the tool. Measure 5 parts by hand, set them aside for quality.",
        "material": "Set 5 parts aside for quality. Note lot and tool.",
        "new_defect": "Set 5 parts aside for quality. Look for a kind of defect not seen before.",
        "model": "Call the owner. Put the old one back, or check it and accept it.",
        "threshold": "Call the owner. Put the old limit back, or check it and accept it.",
    },
    "de": {
        "lamp": "Lampe und Belichtung prüfen. Prüfteile fahren.",
        "lamp_segment": "Ansehen, ob ein Teil der Lampe dunkel ist. Prüfteile fahren.",
        "window": "Fenster reinigen. Prüfteile fahren.",
        "stray_light": "Nach offenen Klappen, Tageslicht, anderen Lampen sehen. Prüfteile fahren.",
        "focus": "Fokus und Objektiv prüfen, Fenster reinigen. Prüfteile fahren.",
        "camera": "Nicht nachstellen. Prüfteile fahren, Instandhaltung rufen: Kamerahalter und Objektiv.",
        "fixture": "Aufnahme, Spanner und Zuführung prüfen. 5 Teile für QS beiseitelegen.",
        "tool": "Werkzeug prüfen. 5 Teile von Hand nachmessen und für QS beiseitelegen.",
        "material": "5 Teile für QS beiseitelegen. Los und Werkzeug notieren.",
        "new_defect": "5 Teile für QS beiseitelegen. Nach einer neuen Fehlerart suchen.",
        "model": "Verantwortlichen rufen. Alten Stand zurück, oder prüfen und annehmen.",
        "threshold": "Verantwortlichen rufen. Alten Grenzwert zurück, oder prüfen und annehmen.",
    },
}
"""What to do first where a cause stands out; where none does, the words of what was seen say it (`texts.py`)."""

_PHRASES = {
    "en": ("{} likely.", " or ", " and ", "Cause unknown."),
    "de": ("Wohl {}.", " oder ", " und ", "Ursache unbekannt."),
}
_SILENT = {
    "en": ("picture", "scores", "reject rate", " and ", " Not seen in {}."),
    "de": ("Bild", "Modellwerten", "Ausschuss", " und ", " Unsichtbar in {}."),
}
BLIND: dict[str, dict[str, str]] = {
    "en": {
        "lighting": "light",
        "optics": "sharpness",
        "camera": "camera position",
        "geometry": "position and shape of the part",
        "material": "look of the part",
        "scores": "the model's scores",
        "rates": "reject rate",
        "novelty": "parts unlike any learned",
        "class_mix": "kinds of defects",
    },
    "de": {
        "lighting": "Licht",
        "optics": "Schärfe",
        "camera": "Lage der Kamera",
        "geometry": "Lage und Form der Teile",
        "material": "Aussehen der Teile",
        "scores": "Werte des Modells",
        "rates": "Ausschuss",
        "novelty": "Teile, die keinem gelernten gleichen",
        "class_mix": "Fehlerarten",
    },
}
"""Families that may be blind to harm."""
_BLIND = {"en": "Nothing of it was seen in: {}.", "de": "Nichts davon war zu sehen in: {}."}


def say_causes(language: str, causes: tuple[str, ...], *, both: bool = False) -> str:
    """The likely causes as the sentence of an alarm: one, one or the other, or both at once."""
    likely, either, together, unknown = _PHRASES[language]
    if not causes:
        return unknown
    words = likely.format((together if both else either).join(CAUSES[language][cause] for cause in causes))
    return words[0].upper() + words[1:]


def say_blind(language: str, blind: Collection[str]) -> str:
    """All families that were watching and saw nothing of a harm, as a sentence of an incident; "" where there is none."""
    names = BLIND[language]
    return _BLIND[language].format(", ".join(names.get(family, family) for family in blind)) if blind else ""


def say_blind_shortly(language: str, blind: Collection[str], seen: Collection[str]) -> str:
    """The same for an alarm, which has little room: the picture counts as blind where none of its families saw anything."""
    picture, scores, rate, together, sentence = _SILENT[language]
    groups = ((picture, IMAGING), (scores, ("scores",)), (rate, ("rates",)))
    names = [name for name, families in groups if not set(families) & set(seen) and set(families) & set(blind)]
    return sentence.format((", ".join(names[:-1]) + together if len(names) > 1 else "") + names[-1]) if names else ""
