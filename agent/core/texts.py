"""What a person reads: alarm texts by stable code, in operator words. Causes are likely, never certain; nothing says OK."""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 160


@dataclass(frozen=True, slots=True)
class Words:
    """Text and response of one code. Placeholders: {st} station, {size} amount, {since} time, {part} first part held, …"""

    text: str
    response: str


_LAMP = "Clean window, check lamp and exposure, run check parts."
_LENS = "Check focus and lens, clean window, run check parts."
_PART = "Set 5 parts aside for quality. Note lot and tool."

ENGLISH: dict[str, Words] = {
    "darker": Words("{st} picture {size} darker since about {since}. Lamp or dirty window likely.", _LAMP),
    "brighter": Words("{st} picture {size} brighter since about {since}. Exposure or lamp setting likely.", _LAMP),
    "contrast_lower": Words("{st} picture contrast {size} lower since about {since}. Dirty window or stray light likely.", _LAMP),
    "contrast_higher": Words("{st} picture contrast {size} higher since about {since}. Exposure or material likely.", _LAMP),
    "clipped_more": Words("{st} more of the picture is pure white since about {since}. Exposure too high likely.", _LAMP),
    "clipped_less": Words("{st} less of the picture is pure white since about {since}. Lamp or exposure likely.", _LAMP),
    "blacks_clipped_more": Words("{st} more of the picture is pure black since about {since}. Lamp or exposure likely.", _LAMP),
    "blacks_clipped_less": Words("{st} less of the picture is pure black since about {since}. Stray light likely.", _LAMP),
    "redder": Words("{st} picture redder since about {since}. Lamp, camera setting or material likely.", _LAMP),
    "less_red": Words("{st} picture less red since about {since}. Lamp, camera setting or material likely.", _LAMP),
    "bluer": Words("{st} picture bluer since about {since}. Lamp, camera setting or material likely.", _LAMP),
    "less_blue": Words("{st} picture less blue since about {since}. Lamp, camera setting or material likely.", _LAMP),
    "place_darker": Words("{st} picture darker {place} since about {since}. Lamp segment, shading or dirt likely.", _LAMP),
    "place_brighter": Words("{st} picture brighter {place} since about {since}. Lamp segment or stray light likely.", _LAMP),
    "place_blurred": Words("{st} picture less sharp {place} since about {since}. Lens tilt or dirt likely.", _LENS),
    "place_sharper": Words("{st} picture sharper or rougher {place} since about {since}. Focus or material likely.", _LENS),
    "finer_detail": Words("{st} picture finer or rougher in detail since about {since}. Grain, focus or material likely.", _LENS),
    "detail_lost": Words("{st} picture has lost fine detail since about {since}. Focus, lens or dirty window likely.", _LENS),
    "blurred": Words("{st} picture less sharp since about {since}. Focus, lens or dirty window likely.", _LENS),
    "sharper": Words("{st} picture sharper or rougher than learned since about {since}. Focus or material likely.", _LENS),
    "grainier": Words("{st} picture grainier since about {since}. Too little light or camera gain likely.", _LAMP),
    "smoother": Words("{st} picture grain lower since about {since}. Camera setting or focus likely.", _LENS),
    "scores_higher": Words(
        "{st} model suspects parts more than learned since about {since}. Picture, material or model likely.", _PART
    ),
    "scores_lower": Words("{st} model suspects parts less than learned since about {since}. Not proof of better parts.", _PART),
    "nearer_threshold": Words(
        "{st} model less decided than learned since about {since}. Picture, material or model likely.", _PART
    ),
    "further_from_threshold": Words("{st} model surer than learned since about {since}. Not proof of better parts.", _PART),
    "scores_more_extreme": Words("{st} model surer than learned since about {since}. Not proof of better parts.", _PART),
    "scores_less_extreme": Words(
        "{st} model less sure than learned since about {since}. Picture, material or model likely.", _PART
    ),
    "bad_parts_passed": Words(
        "{st} BAD PARTS PASSED: {found} found in {audits} re-checks, {claimed} expected. Hold from {hold}.",
        "HOLD all parts from {part} to now. Do not ship. Call quality.",
    ),
}

_LAMPE = "Fenster reinigen, Lampe und Belichtung prüfen, Prüfteile fahren."
_FOKUS = "Fokus und Objektiv prüfen, Fenster reinigen, Prüfteile fahren."
_TEIL = "5 Teile für QS beiseitelegen. Los und Werkzeug notieren."

GERMAN: dict[str, Words] = {
    "darker": Words("{st} Bild {size} dunkler seit etwa {since}. Wohl Lampe oder Fenster.", _LAMPE),
    "brighter": Words("{st} Bild {size} heller seit etwa {since}. Wohl Belichtung oder Lampe.", _LAMPE),
    "contrast_lower": Words("{st} Bildkontrast {size} geringer seit etwa {since}. Wohl Fenster oder Streulicht.", _LAMPE),
    "contrast_higher": Words("{st} Bildkontrast {size} höher seit etwa {since}. Wohl Belichtung oder Material.", _LAMPE),
    "clipped_more": Words("{st} mehr reines Weiß im Bild seit etwa {since}. Wohl Überbelichtung.", _LAMPE),
    "clipped_less": Words("{st} weniger reines Weiß im Bild seit etwa {since}. Wohl Lampe.", _LAMPE),
    "blacks_clipped_more": Words("{st} mehr reines Schwarz im Bild seit etwa {since}. Wohl Lampe.", _LAMPE),
    "blacks_clipped_less": Words("{st} weniger reines Schwarz im Bild seit etwa {since}. Wohl Streulicht.", _LAMPE),
    "redder": Words("{st} Bild röter seit etwa {since}. Wohl Lampe, Kamera oder Material.", _LAMPE),
    "less_red": Words("{st} Bild weniger rot seit etwa {since}. Wohl Lampe, Kamera oder Material.", _LAMPE),
    "bluer": Words("{st} Bild blauer seit etwa {since}. Wohl Lampe, Kamera oder Material.", _LAMPE),
    "less_blue": Words("{st} Bild weniger blau seit etwa {since}. Wohl Lampe, Kamera oder Material.", _LAMPE),
    "place_darker": Words("{st} Bild {place} dunkler seit etwa {since}. Wohl Lampensegment, Schatten oder Schmutz.", _LAMPE),
    "place_brighter": Words("{st} Bild {place} heller seit etwa {since}. Wohl Lampensegment oder Streulicht.", _LAMPE),
    "place_blurred": Words("{st} Bild {place} unschärfer seit etwa {since}. Wohl Objektiv oder Schmutz.", _FOKUS),
    "place_sharper": Words("{st} Bild {place} schärfer oder rauer seit etwa {since}. Wohl Fokus oder Material.", _FOKUS),
    "finer_detail": Words("{st} Bild feiner oder rauer seit etwa {since}. Wohl Rauschen, Fokus oder Material.", _FOKUS),
    "detail_lost": Words("{st} Bild ohne feine Einzelheiten seit etwa {since}. Wohl Fokus oder Fenster.", _FOKUS),
    "blurred": Words("{st} Bild unschärfer seit etwa {since}. Wohl Fokus oder Fenster.", _FOKUS),
    "sharper": Words("{st} Bild schärfer oder rauer seit etwa {since}. Wohl Fokus oder Material.", _FOKUS),
    "grainier": Words("{st} Bild körniger seit etwa {since}. Wohl zu wenig Licht.", _LAMPE),
    "smoother": Words("{st} Bildrauschen geringer seit etwa {since}. Wohl Kamera oder Fokus.", _FOKUS),
    "scores_higher": Words("{st} Modell verdächtigt mehr Teile als gelernt seit etwa {since}.", _TEIL),
    "scores_lower": Words("{st} Modell verdächtigt weniger Teile seit etwa {since}. Kein Beweis für bessere Teile.", _TEIL),
    "nearer_threshold": Words("{st} Modell weniger entschieden als gelernt seit etwa {since}.", _TEIL),
    "further_from_threshold": Words("{st} Modell sicherer als gelernt seit etwa {since}. Kein Beweis für bessere Teile.", _TEIL),
    "scores_more_extreme": Words("{st} Modell sicherer als gelernt seit etwa {since}. Kein Beweis für bessere Teile.", _TEIL),
    "scores_less_extreme": Words("{st} Modell weniger sicher als gelernt seit etwa {since}.", _TEIL),
    "bad_parts_passed": Words(
        "{st} SCHLECHTTEILE DURCHGELASSEN: {found} in {audits} Nachprüfungen, {claimed} erwartet. Sperren ab {hold}.",
        "Alle Teile ab {part} bis jetzt SPERREN. Nicht ausliefern. QS rufen.",
    ),
}

CATALOGUES = {"en": ENGLISH, "de": GERMAN}

PLACES = {
    "en": {
        "left": "on the left",
        "right": "on the right",
        "top": "at the top",
        "bottom": "at the bottom",
        "middle": "in the middle",
        "top_left": "top left",
        "top_right": "top right",
        "bottom_left": "bottom left",
        "bottom_right": "bottom right",
    },
    "de": {
        "left": "links",
        "right": "rechts",
        "top": "oben",
        "bottom": "unten",
        "middle": "in der Mitte",
        "top_left": "oben links",
        "top_right": "oben rechts",
        "bottom_left": "unten links",
        "bottom_right": "unten rechts",
    },
}


def say(language: str, code: str, values: dict[str, str]) -> tuple[str, str]:
    """Text (at most 160 characters) and response of a code; `left_darker` is said as a place and a change."""
    catalogue = CATALOGUES[language]
    if code not in catalogue:
        place, _, kind = code.rpartition("_")
        code, values = f"place_{kind}", {**values, "place": PLACES[language][place]}
    words = catalogue[code]
    text = words.text.format_map(values)
    return (text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"), words.response.format_map(values)
