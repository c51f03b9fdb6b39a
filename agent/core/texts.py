"""What a person reads: alarm texts by stable code, in operator words. Causes are likely, never certain; nothing says OK."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.channels.table import ChannelSpec

LIMIT = 160
# Longest name of a channel that leaves room for the rest of an alarm's text.
MAX_SAID = 32


@dataclass(frozen=True, slots=True)
class Words:
    """Text and response of one code. Placeholders: {st} station, {size} amount, {since} time, {part} first part held, …"""

    text: str
    response: str


_LAMP = "Clean window, check lamp and exposure, run check parts."
_LENS = "Check focus and lens, clean window, run check parts."
_PART = "Set 5 parts aside for quality. Note lot and tool."
_GAUGE = "Measure 5 parts by hand, set them aside for quality. Note lot and tool."
_MOUNT = "Do not readjust. Run check parts, call maintenance: camera mount and lens."
_TOOL = "Check tool, nest and feeding. Set 5 parts aside for quality."
_HAND = "Hand check parts since {since}. Check camera, lamp and cables, then run check parts."
_CLOCK = "Set the clocks (network time). Until then times in alarms and holds are wrong."
_RUN_SET = "Run set {set} ({count} parts) now."
_OWNER = "Call the owner. Put the old one back, or check it and accept it."

_MOVES = {
    "right": "moved right",
    "left": "moved left",
    "lower": "moved down",
    "higher": "moved up",
    "turned": "turned clockwise",
    "turned_back": "turned counterclockwise",
}

ENGLISH: dict[str, Words] = {
    "darker": Words("{st} picture {size} darker since about {since}. {cause}", _LAMP),
    "brighter": Words("{st} picture {size} brighter since about {since}. {cause}", _LAMP),
    "contrast_lower": Words("{st} picture contrast {size} lower since about {since}. {cause}", _LAMP),
    "contrast_higher": Words("{st} picture contrast {size} higher since about {since}. {cause}", _LAMP),
    "clipped_more": Words("{st} more of the picture is pure white since about {since}. {cause}", _LAMP),
    "clipped_less": Words("{st} less of the picture is pure white since about {since}. {cause}", _LAMP),
    "blacks_clipped_more": Words("{st} more of the picture is pure black since about {since}. {cause}", _LAMP),
    "blacks_clipped_less": Words("{st} less of the picture is pure black since about {since}. {cause}", _LAMP),
    "redder": Words("{st} picture redder since about {since}. {cause}", _LAMP),
    "less_red": Words("{st} picture less red since about {since}. {cause}", _LAMP),
    "bluer": Words("{st} picture bluer since about {since}. {cause}", _LAMP),
    "less_blue": Words("{st} picture less blue since about {since}. {cause}", _LAMP),
    "place_darker": Words("{st} picture darker {place} since about {since}. {cause}", _LAMP),
    "place_brighter": Words("{st} picture brighter {place} since about {since}. {cause}", _LAMP),
    "place_blurred": Words("{st} picture less sharp {place} since about {since}. {cause}", _LENS),
    "place_sharper": Words("{st} picture sharper or rougher {place} since about {since}. {cause}", _LENS),
    "finer_detail": Words("{st} picture finer or rougher in detail since about {since}. {cause}", _LENS),
    "detail_lost": Words("{st} picture has lost fine detail since about {since}. {cause}", _LENS),
    "blurred": Words("{st} picture less sharp since about {since}. {cause}", _LENS),
    "sharper": Words("{st} picture sharper or rougher than learned since about {since}. {cause}", _LENS),
    "grainier": Words("{st} picture grainier since about {since}. {cause}", _LAMP),
    "smoother": Words("{st} picture grain lower since about {since}. {cause}", _LENS),
    **{
        f"view_{to}": Words(f"{{st}} view {how} {{size}} since about {{since}}, fixture too. {{cause}}", _MOUNT)
        for to, how in _MOVES.items()
    },
    "view_larger": Words("{st} view {size} larger since about {since}, fixture too. {cause}", _MOUNT),
    "view_smaller": Words("{st} view {size} smaller since about {since}, fixture too. {cause}", _MOUNT),
    "fixtures_hidden": Words(
        "{st} fixture no longer seen as learned since about {since}. Covered, dirty, out of focus or camera moved far.", _MOUNT
    ),
    "fixtures_clearer": Words("{st} fixture seen better than learned since about {since}. {cause}", _LENS),
    **{
        f"part_{to}": Words(f"{{st}} parts {how} {{size}} since about {{since}}, camera still. {{cause}}", _TOOL)
        for to, how in _MOVES.items()
    },
    "part_nearer_edge": Words("{st} parts {size} nearer to the field's edge since about {since}. {cause}", _TOOL),
    "part_further_inside": Words("{st} parts {size} further from the field's edge since about {since}. {cause}", _TOOL),
    "part_other": Words("{st} parts look less like the golden part since about {since}. {cause}", _PART),
    "part_clearer": Words("{st} parts look more like the golden part since about {since}. {cause}", _PART),
    "part_larger": Words("{st} parts {size} larger in the picture since about {since}. {cause}", _PART),
    "part_smaller": Words("{st} parts {size} smaller in the picture since about {since}. {cause}", _PART),
    "outline_rougher": Words("{st} part outline {size} rougher since about {since}. {cause}", _PART),
    "outline_smoother": Words("{st} part outline {size} smoother since about {since}. {cause}", _PART),
    "measure_larger": Words("{st} {channel} {size} larger since about {since}. {cause}", _GAUGE),
    "measure_smaller": Words("{st} {channel} {size} smaller since about {since}. {cause}", _GAUGE),
    "texture_rougher": Words("{st} part surface rougher since about {since}. {cause} Not yet proof of bad parts.", _PART),
    "texture_smoother": Words("{st} part surface smoother since about {since}. {cause}", _PART),
    "texture_directed": Words("{st} part surface more striped since about {since}. {cause}", _PART),
    "texture_undirected": Words("{st} part surface less striped since about {since}. {cause}", _PART),
    "part_brighter": Words("{st} parts {size} brighter than their surroundings since about {since}. {cause}", _PART),
    "part_darker": Words("{st} parts {size} darker than their surroundings since about {since}. {cause}", _PART),
    "part_redder": Words("{st} parts redder since about {since}. {cause}", _PART),
    "part_less_red": Words("{st} parts less red since about {since}. {cause}", _PART),
    "part_bluer": Words("{st} parts bluer since about {since}. {cause}", _PART),
    "part_less_blue": Words("{st} parts less blue since about {since}. {cause}", _PART),
    "scores_higher": Words("{st} model suspects parts more than learned since about {since}. {cause}", _PART),
    "scores_lower": Words("{st} model suspects parts less than learned since about {since}. Not proof of better parts.", _PART),
    "nearer_threshold": Words("{st} model less decided than learned since about {since}. {cause}", _PART),
    "further_from_threshold": Words("{st} model surer than learned since about {since}. Not proof of better parts.", _PART),
    "scores_more_extreme": Words("{st} model surer than learned since about {since}. Not proof of better parts.", _PART),
    "scores_less_extreme": Words("{st} model less sure than learned since about {since}. {cause}", _PART),
    "varies_more": Words(
        "{st} {what} varies {size} times as much as learned since about {since}. {cause}",
        "Look for something loose, flickering or mixed: lamp, mounts, how parts sit. Run check parts.",
    ),
    "varies_less": Words(
        "{st} {what} varies {size} times as much as learned since about {since}. {cause}",
        "Camera stuck, or parts presorted? Check that the picture follows the parts. Run check parts.",
    ),
    "no_results": Words(
        "{st} NOT MONITORED since {since}. No results arriving. Camera may still be passing parts.",
        "Check station PC and network. Not back soon: hand checks per plan.",
    ),
    "outcomes_stopped": Words(
        "{st} no re-check results since {since}. Bad parts passing would not be noticed.",
        "Call quality: do the re-checks, see that their results are sent.",
    ),
    "outcomes_disagree": Words(
        "{st} re-checks disagree since {since}: {count} of {window} parts judged both good and bad.",
        "Quality: compare limit samples and who checks what. Until then no re-check proves much.",
    ),
    "escape_found": Words(
        "{st} BAD PART PASSED: {part}, confirmed by {source}. One find, not yet a rate.",
        "Quality: keep the part, look at its box. See whether more come.",
    ),
    "report_confirmed": Words(
        "{st} BAD PART PASSED: {part}, reported at the line and found bad by somebody else at {since}.",
        "Quality: keep the part, look at its box and at those made around it.",
    ),
    "picture_frozen": Words("{st} SAME PICTURE again and again since {since}. Camera stuck likely. Parts go unseen.", _HAND),
    "picture_black": Words("{st} PICTURE BLACK since {since}. Lamp, shutter or cable likely. Parts go unseen.", _HAND),
    "picture_white": Words("{st} PICTURE WHITE since {since}. Exposure or stray light likely. Parts go unseen.", _HAND),
    "picture_empty": Words("{st} NOTHING IN VIEW since {since}. Part, lens cap or camera aim likely.", _HAND),
    "part_missing": Words("{st} NO PART IN VIEW since {since}. Feeding, or camera aim likely.", _HAND),
    "part_out_of_field": Words(
        "{st} PART OUT OF FIELD since {since}. Feeding, stop or camera aim likely. Parts go half seen.", _HAND
    ),
    "ids_repeated": Words(
        "{st} part numbers repeat since {since}: {count} of the last {window}. Reader or counter stuck likely.",
        "Check part reader and counter. Until then mark boxes by hand: parts cannot be traced.",
    ),
    "results_missing": Words(
        "{st} {count} of the last {window} results never arrived, since {since}. Those parts went unwatched.",
        "Check network and vision PC. Hand check a sample of the parts since {since}.",
    ),
    "measurements_missing": Words(
        "{st} {channel} no longer measured since {since}: {count} of {window} measurements missing, unwatched.",
        "Check vision tool, its recipe and what it sends. Look at the last pictures.",
    ),
    "clock_ahead": Words("{st} clock {size} ahead of the monitor's since {since}.", _CLOCK),
    "clock_behind": Words("{st} clock {size} behind the monitor's since {since}.", _CLOCK),
    "model_changed": Words("{st} MODEL CHANGED since {since}: {new} instead of {old}. Not approved here.", _OWNER),
    "model_untold": Words("{st} no longer says which model judges since {since}; it was {old}.", _OWNER),
    "runtime_changed": Words("{st} MODEL RUNTIME changed since {since}: {new} instead of {old}. Not approved here.", _OWNER),
    "settings_changed": Words("{st} MODEL SETTINGS changed since {since}: {new} instead of {old}. Not approved here.", _OWNER),
    "threshold_changed": Words("{st} REJECT LIMIT changed since {since}: {new} instead of {old}. Not approved here.", _OWNER),
    "bad_parts_passed": Words(
        "{st} BAD PARTS PASSED: {found} found in {audits} re-checks, {claimed} expected. Hold from {hold}.{blind}",
        "HOLD all parts from {part} to now. Do not ship. Call quality.",
    ),
    "check_part_missed": Words(
        "{st} CHECK PART MISSED: {mode}, {missed} of {shown} passed, limit {limit}. Hold from {hold}.",
        "HOLD all parts from {part} to now. Do not ship. Run set {set} again, call quality.",
    ),
    "check_part_rejected": Words(
        "{st} GOOD CHECK PARTS REJECTED: {mode}, {missed} of {shown}, limit {limit}.",
        "Good parts are likely scrapped. Check picture and model, run set {set} again.",
    ),
    "check_parts_overdue": Words("{st} check parts overdue: {parts} parts since last good check, limit {limit}.", _RUN_SET),
    "check_parts_overdue_never": Words(
        "{st} check parts overdue: {parts} parts made and never a good check, limit {limit}.", _RUN_SET
    ),
    "check_parts_overdue_time": Words("{st} check parts overdue: {parts} parts since last good check at {since}.", _RUN_SET),
    "check_parts_overdue_changeover": Words(
        "{st} check parts overdue after changeover. {parts} parts since last good check.", _RUN_SET
    ),
    "check_parts_overdue_alarm": Words("{st} check parts overdue after an alarm. {parts} parts since last good check.", _RUN_SET),
    "check_parts_overdue_missed": Words(
        "{st} check part was missed and not run again. {parts} parts since last good check.", _RUN_SET
    ),
    "check_parts_expired": Words(
        "{st} check parts of set {set} expired on {expired}. Their results prove nothing.",
        "Get the masters checked or replaced, then enter the new date.",
    ),
    "audits_unanswered": Words(
        "{st} {count} of the last {window} re-checks asked for were not done in time.",
        "Call quality: do the re-checks. `linewarden audit list` prints them.",
    ),
    "find_unconfirmed": Words(
        "{st} a re-check found {part} bad and nobody looked again. It does not count until somebody has.",
        "Call quality: second look at {part} by another person.",
    ),
    "outcomes_late": Words(
        "{st} {count} of the last {window} re-check results came too late to count.",
        "Send results sooner, or declare the longer delay.",
    ),
    "blind_spot": Words(
        "{st} {mode}: a rise to {size} would go unnoticed for {days} days, limit {limit}.",
        "Call quality: more re-checks or check parts, or declare the longer time.",
    ),
    "reject_rate_higher": Words("{st} {size} of parts rejected since about {since}, was {was}. {cause}", _PART),
    "reject_rate_lower": Words(
        "{st} only {size} of parts rejected since about {since}, was {was}. Not proof of better parts. {cause}",
        "Run check parts. Check picture, recipe and limit of the model. Tell quality.",
    ),
    "novel_parts": Words("{st} {size} of parts unlike any learned since about {since}. {cause} Not yet proof of bad parts.", _PART),
    "class_share_higher": Words("{st} {size} of parts now {class} since about {since}, was {was}. {cause}", _PART),
    "class_share_lower": Words(
        "{st} only {size} of parts now {class} since about {since}, was {was}. {cause}",
        "Look at the last parts. Check recipe and model. Run check parts of this class.",
    ),
    "classes_new_more": Words("{st} {size} of parts in classes never learned since about {since}. {cause}", _PART),
    "class_new": Words(
        "{st} first part of class {class} at {since}: not among those learned.",
        "Look at the part. New kind of defect or changed model: tell quality.",
    ),
    "limit_near": Words(
        "{st} {what} reaches its limit ({limit}) in about {days} production days ({span}).",
        "Plan it now: clean, adjust or replace before then. Tell maintenance.",
    ),
    "limit_reached": Words(
        "{st} {what} has reached its limit ({limit}).", "Clean, adjust or replace it. Tell maintenance. Run check parts."
    ),
}

_LAMPE = "Fenster reinigen, Lampe und Belichtung prüfen, Prüfteile fahren."
_FOKUS = "Fokus und Objektiv prüfen, Fenster reinigen, Prüfteile fahren."
_TEIL = "5 Teile für QS beiseitelegen. Los und Werkzeug notieren."
_MASS = "5 Teile von Hand nachmessen und für QS beiseitelegen. Los und Werkzeug notieren."
_HALTER = "Nicht nachstellen. Prüfteile fahren, Instandhaltung rufen: Kamerahalter und Objektiv."
_WERKZEUG = "Werkzeug, Aufnahme und Zuführung prüfen. 5 Teile für QS beiseitelegen."
_HAND_DE = "Teile seit {since} von Hand prüfen. Kamera, Lampe, Kabel prüfen, dann Prüfteile fahren."
_UHR = "Uhren stellen (Netzzeit). Bis dahin stimmen Zeiten in Alarmen und Sperren nicht."
_SATZ = "Satz {set} ({count} Teile) jetzt fahren."
_INHABER = "Verantwortlichen rufen. Alten Stand zurück, oder prüfen und annehmen."

_BEWEGT = {
    "right": "nach rechts",
    "left": "nach links",
    "lower": "nach unten",
    "higher": "nach oben",
    "turned": "im Uhrzeigersinn gedreht",
    "turned_back": "gegen den Uhrzeigersinn gedreht",
}

GERMAN: dict[str, Words] = {
    "darker": Words("{st} Bild {size} dunkler seit etwa {since}. {cause}", _LAMPE),
    "brighter": Words("{st} Bild {size} heller seit etwa {since}. {cause}", _LAMPE),
    "contrast_lower": Words("{st} Bildkontrast {size} geringer seit etwa {since}. {cause}", _LAMPE),
    "contrast_higher": Words("{st} Bildkontrast {size} höher seit etwa {since}. {cause}", _LAMPE),
    "clipped_more": Words("{st} mehr reines Weiß im Bild seit etwa {since}. {cause}", _LAMPE),
    "clipped_less": Words("{st} weniger reines Weiß im Bild seit etwa {since}. {cause}", _LAMPE),
    "blacks_clipped_more": Words("{st} mehr reines Schwarz im Bild seit etwa {since}. {cause}", _LAMPE),
    "blacks_clipped_less": Words("{st} weniger reines Schwarz im Bild seit etwa {since}. {cause}", _LAMPE),
    "redder": Words("{st} Bild röter seit etwa {since}. {cause}", _LAMPE),
    "less_red": Words("{st} Bild weniger rot seit etwa {since}. {cause}", _LAMPE),
    "bluer": Words("{st} Bild blauer seit etwa {since}. {cause}", _LAMPE),
    "less_blue": Words("{st} Bild weniger blau seit etwa {since}. {cause}", _LAMPE),
    "place_darker": Words("{st} Bild {place} dunkler seit etwa {since}. {cause}", _LAMPE),
    "place_brighter": Words("{st} Bild {place} heller seit etwa {since}. {cause}", _LAMPE),
    "place_blurred": Words("{st} Bild {place} unschärfer seit etwa {since}. {cause}", _FOKUS),
    "place_sharper": Words("{st} Bild {place} schärfer oder rauer seit etwa {since}. {cause}", _FOKUS),
    "finer_detail": Words("{st} Bild feiner oder rauer seit etwa {since}. {cause}", _FOKUS),
    "detail_lost": Words("{st} Bild ohne feine Einzelheiten seit etwa {since}. {cause}", _FOKUS),
    "blurred": Words("{st} Bild unschärfer seit etwa {since}. {cause}", _FOKUS),
    "sharper": Words("{st} Bild schärfer oder rauer seit etwa {since}. {cause}", _FOKUS),
    "grainier": Words("{st} Bild körniger seit etwa {since}. {cause}", _LAMPE),
    "smoother": Words("{st} Bildrauschen geringer seit etwa {since}. {cause}", _FOKUS),
    **{
        f"view_{to}": Words(f"{{st}} Bild {{size}} {how} seit etwa {{since}}, Halter auch. {{cause}}", _HALTER)
        for to, how in _BEWEGT.items()
    },
    "view_larger": Words("{st} Bild {size} größer seit etwa {since}, Halter auch. {cause}", _HALTER),
    "view_smaller": Words("{st} Bild {size} kleiner seit etwa {since}, Halter auch. {cause}", _HALTER),
    "fixtures_hidden": Words(
        "{st} Halter nicht mehr wie gelernt zu sehen seit etwa {since}. Verdeckt, schmutzig, unscharf oder Kamera weit verrückt.",
        _HALTER,
    ),
    "fixtures_clearer": Words("{st} Halter besser zu sehen als gelernt seit etwa {since}. {cause}", _FOKUS),
    **{
        f"part_{to}": Words(f"{{st}} Teile {{size}} {how} seit etwa {{since}}, Kamera nicht. {{cause}}", _WERKZEUG)
        for to, how in _BEWEGT.items()
    },
    "part_nearer_edge": Words("{st} Teile {size} näher am Feldrand seit etwa {since}. {cause}", _WERKZEUG),
    "part_further_inside": Words("{st} Teile {size} weiter vom Feldrand seit etwa {since}. {cause}", _WERKZEUG),
    "part_other": Words("{st} Teile dem Gutteil weniger ähnlich seit etwa {since}. {cause}", _TEIL),
    "part_clearer": Words("{st} Teile dem Gutteil ähnlicher seit etwa {since}. {cause}", _TEIL),
    "part_larger": Words("{st} Teile im Bild {size} größer seit etwa {since}. {cause}", _TEIL),
    "part_smaller": Words("{st} Teile im Bild {size} kleiner seit etwa {since}. {cause}", _TEIL),
    "outline_rougher": Words("{st} Teilekontur {size} rauer seit etwa {since}. {cause}", _TEIL),
    "outline_smoother": Words("{st} Teilekontur {size} glatter seit etwa {since}. {cause}", _TEIL),
    "measure_larger": Words("{st} {channel} {size} größer seit etwa {since}. {cause}", _MASS),
    "measure_smaller": Words("{st} {channel} {size} kleiner seit etwa {since}. {cause}", _MASS),
    "texture_rougher": Words("{st} Oberfläche rauer seit etwa {since}. {cause} Noch kein Beweis für Schlechtteile.", _TEIL),
    "texture_smoother": Words("{st} Oberfläche glatter seit etwa {since}. {cause}", _TEIL),
    "texture_directed": Words("{st} Oberfläche streifiger seit etwa {since}. {cause}", _TEIL),
    "texture_undirected": Words("{st} Oberfläche weniger streifig seit etwa {since}. {cause}", _TEIL),
    "part_brighter": Words("{st} Teile {size} heller als ihre Umgebung seit etwa {since}. {cause}", _TEIL),
    "part_darker": Words("{st} Teile {size} dunkler als ihre Umgebung seit etwa {since}. {cause}", _TEIL),
    "part_redder": Words("{st} Teile röter seit etwa {since}. {cause}", _TEIL),
    "part_less_red": Words("{st} Teile weniger rot seit etwa {since}. {cause}", _TEIL),
    "part_bluer": Words("{st} Teile blauer seit etwa {since}. {cause}", _TEIL),
    "part_less_blue": Words("{st} Teile weniger blau seit etwa {since}. {cause}", _TEIL),
    "scores_higher": Words("{st} Modell verdächtigt mehr Teile als gelernt seit etwa {since}. {cause}", _TEIL),
    "scores_lower": Words("{st} Modell verdächtigt weniger Teile seit etwa {since}. Kein Beweis für bessere Teile.", _TEIL),
    "nearer_threshold": Words("{st} Modell weniger entschieden als gelernt seit etwa {since}. {cause}", _TEIL),
    "further_from_threshold": Words("{st} Modell sicherer als gelernt seit etwa {since}. Kein Beweis für bessere Teile.", _TEIL),
    "scores_more_extreme": Words("{st} Modell sicherer als gelernt seit etwa {since}. Kein Beweis für bessere Teile.", _TEIL),
    "scores_less_extreme": Words("{st} Modell weniger sicher als gelernt seit etwa {since}. {cause}", _TEIL),
    "varies_more": Words(
        "{st} {what} schwankt {size}-mal so stark wie gelernt seit etwa {since}. {cause}",
        "Nach Losem, Flackerndem, Vermischtem sehen: Lampe, Halterungen, Lage der Teile. Prüfteile fahren.",
    ),
    "varies_less": Words(
        "{st} {what} schwankt {size}-mal so stark wie gelernt seit etwa {since}. {cause}",
        "Kamera hängt, oder Teile vorsortiert? Prüfen, ob das Bild den Teilen folgt. Prüfteile fahren.",
    ),
    "no_results": Words(
        "{st} NICHT ÜBERWACHT seit {since}. Keine Ergebnisse. Die Kamera kann weiter Teile durchlassen.",
        "Stations-PC und Netz prüfen. Nicht bald zurück: Handprüfung nach Plan.",
    ),
    "outcomes_stopped": Words(
        "{st} keine Nachprüfungen seit {since}. Durchgelassene Schlechtteile fielen nicht auf.",
        "QS rufen: Nachprüfungen machen und ihre Ergebnisse senden.",
    ),
    "outcomes_disagree": Words(
        "{st} Nachprüfungen uneins seit {since}: {count} von {window} Teilen gut und schlecht befunden.",
        "QS: Grenzmuster vergleichen, wer prüft was. Bis dahin beweist keine Nachprüfung viel.",
    ),
    "escape_found": Words(
        "{st} SCHLECHTTEIL DURCHGELASSEN: {part}, bestätigt von {source}. Ein Fund, noch keine Rate.",
        "QS: Teil aufheben, Behälter ansehen. Beobachten, ob mehr kommen.",
    ),
    "report_confirmed": Words(
        "{st} SCHLECHTTEIL DURCHGELASSEN: {part}, an der Linie gemeldet, um {since} von anderen bestätigt.",
        "QS: Teil aufheben, Behälter und die Teile davor und danach ansehen.",
    ),
    "picture_frozen": Words("{st} IMMER DASSELBE BILD seit {since}. Wohl Kamera hängt. Teile ungesehen.", _HAND_DE),
    "picture_black": Words("{st} BILD SCHWARZ seit {since}. Wohl Lampe, Blende oder Kabel. Teile ungesehen.", _HAND_DE),
    "picture_white": Words("{st} BILD WEISS seit {since}. Wohl Belichtung oder Streulicht. Teile ungesehen.", _HAND_DE),
    "picture_empty": Words("{st} NICHTS IM BILD seit {since}. Wohl Teil, Kappe oder Ausrichtung.", _HAND_DE),
    "part_missing": Words("{st} KEIN TEIL IM BILD seit {since}. Wohl Zuführung oder Ausrichtung.", _HAND_DE),
    "part_out_of_field": Words("{st} TEIL NICHT GANZ IM BILD seit {since}. Wohl Zuführung, Anschlag oder Ausrichtung.", _HAND_DE),
    "ids_repeated": Words(
        "{st} Teilenummern doppelt seit {since}: {count} der letzten {window}. Wohl Leser oder Zähler hängt.",
        "Leser und Zähler prüfen. Bis dahin Kisten von Hand kennzeichnen: Teile sind nicht verfolgbar.",
    ),
    "results_missing": Words(
        "{st} {count} der letzten {window} Ergebnisse fehlen, seit {since}. Diese Teile sah niemand.",
        "Netz und Bild-PC prüfen. Teile seit {since} stichprobenweise von Hand prüfen.",
    ),
    "measurements_missing": Words(
        "{st} {channel} nicht mehr gemessen seit {since}: {count} von {window} Maßen fehlen, unbewacht.",
        "Bildverarbeitung, ihr Rezept und was sie sendet prüfen. Letzte Bilder ansehen.",
    ),
    "clock_ahead": Words("{st} Uhr geht {size} vor gegenüber dem Wächter, seit {since}.", _UHR),
    "clock_behind": Words("{st} Uhr geht {size} nach gegenüber dem Wächter, seit {since}.", _UHR),
    "model_changed": Words("{st} MODELL GEÄNDERT seit {since}: {new} statt {old}. Hier nicht freigegeben.", _INHABER),
    "model_untold": Words("{st} sagt seit {since} nicht mehr, welches Modell urteilt; es war {old}.", _INHABER),
    "runtime_changed": Words("{st} LAUFZEIT des Modells geändert seit {since}: {new} statt {old}. Nicht freigegeben.", _INHABER),
    "settings_changed": Words("{st} EINSTELLUNGEN geändert seit {since}: {new} statt {old}. Nicht freigegeben.", _INHABER),
    "threshold_changed": Words("{st} GRENZWERT geändert seit {since}: {new} statt {old}. Nicht freigegeben.", _INHABER),
    "bad_parts_passed": Words(
        "{st} SCHLECHTTEILE DURCHGELASSEN: {found} in {audits} Nachprüfungen, {claimed} erwartet. Sperren ab {hold}.{blind}",
        "Alle Teile ab {part} bis jetzt SPERREN. Nicht ausliefern. QS rufen.",
    ),
    "check_part_missed": Words(
        "{st} PRÜFTEIL NICHT ERKANNT: {mode}, {missed} von {shown} durchgelassen, Grenze {limit}. Sperre ab {hold}.",
        "Alle Teile von {part} bis jetzt SPERREN. Nicht ausliefern. Satz {set} erneut fahren, QS rufen.",
    ),
    "check_part_rejected": Words(
        "{st} GUTE PRÜFTEILE AUSSORTIERT: {mode}, {missed} von {shown}, Grenze {limit}.",
        "Wohl auch Gutteile aussortiert. Bild und Modell prüfen, Satz {set} erneut fahren.",
    ),
    "check_parts_overdue": Words("{st} Prüfteile überfällig: {parts} Teile seit letzter guter Prüfung, Grenze {limit}.", _SATZ),
    "check_parts_overdue_never": Words(
        "{st} Prüfteile überfällig: {parts} Teile und nie eine gute Prüfung, Grenze {limit}.", _SATZ
    ),
    "check_parts_overdue_time": Words("{st} Prüfteile überfällig: {parts} Teile seit letzter guter Prüfung um {since}.", _SATZ),
    "check_parts_overdue_changeover": Words(
        "{st} Prüfteile nach Umrüsten überfällig. {parts} Teile seit letzter guter Prüfung.", _SATZ
    ),
    "check_parts_overdue_alarm": Words("{st} Prüfteile nach Alarm überfällig. {parts} Teile seit letzter guter Prüfung.", _SATZ),
    "check_parts_overdue_missed": Words(
        "{st} Prüfteil nicht erkannt und nicht wiederholt. {parts} Teile seit letzter guter Prüfung.", _SATZ
    ),
    "check_parts_expired": Words(
        "{st} Prüfteile von Satz {set} seit {expired} abgelaufen. Ihre Ergebnisse beweisen nichts.",
        "Masterteile prüfen oder ersetzen lassen, dann das neue Datum eintragen.",
    ),
    "audits_unanswered": Words(
        "{st} {count} der letzten {window} angeforderten Nachprüfungen nicht rechtzeitig gemacht.",
        "QS rufen: Nachprüfungen machen. `linewarden audit list` druckt sie.",
    ),
    "find_unconfirmed": Words(
        "{st} Nachprüfung fand {part} schlecht, niemand sah erneut hin. Bis dahin zählt es nicht.",
        "QS rufen: {part} von einer anderen Person ansehen lassen.",
    ),
    "outcomes_late": Words(
        "{st} {count} der letzten {window} Ergebnisse von Nachprüfungen kamen zu spät, um zu zählen.",
        "Ergebnisse früher senden, oder den längeren Verzug eintragen.",
    ),
    "blind_spot": Words(
        "{st} {mode}: ein Anstieg auf {size} bliebe {days} Tage unbemerkt, Grenze {limit}.",
        "QS rufen: mehr Nachprüfungen oder Prüfteile, oder die längere Zeit eintragen.",
    ),
    "reject_rate_higher": Words("{st} {size} der Teile aussortiert seit etwa {since}, vorher {was}. {cause}", _TEIL),
    "reject_rate_lower": Words(
        "{st} nur {size} Ausschuss seit etwa {since}, vorher {was}. Kein Beweis für bessere Teile. {cause}",
        "Prüfteile fahren. Bild, Rezept und Schwelle des Modells prüfen. QS informieren.",
    ),
    "novel_parts": Words(
        "{st} {size} der Teile gleichen keinem gelernten seit etwa {since}. {cause} Kein Beweis für Schlechtteile.", _TEIL
    ),
    "class_share_higher": Words("{st} {size} der Teile jetzt {class} seit etwa {since}, vorher {was}. {cause}", _TEIL),
    "class_share_lower": Words(
        "{st} nur {size} der Teile jetzt {class} seit etwa {since}, vorher {was}. {cause}",
        "Letzte Teile ansehen. Rezept und Modell prüfen. Prüfteile dieser Klasse fahren.",
    ),
    "classes_new_more": Words("{st} {size} der Teile in nie gelernten Klassen seit etwa {since}. {cause}", _TEIL),
    "class_new": Words(
        "{st} erstes Teil der Klasse {class} um {since}: nicht unter den gelernten.",
        "Teil ansehen. Neue Fehlerart oder geändertes Modell: QS informieren.",
    ),
    "limit_near": Words(
        "{st} {what} erreicht die Grenze ({limit}) in etwa {days} Produktionstagen ({span}).",
        "Jetzt planen: vorher reinigen, einstellen oder tauschen. Instandhaltung informieren.",
    ),
    "limit_reached": Words(
        "{st} {what} hat die Grenze ({limit}) erreicht.",
        "Reinigen, einstellen oder tauschen. Instandhaltung informieren. Prüfteile fahren.",
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

FAMILIES = {
    "en": {
        "lighting": "light of the picture",
        "optics": "sharpness of the picture",
        "camera": "position of the camera",
        "geometry": "position or shape of the part",
        "material": "look of the part",
        "measurements": "a measurement of the part",
        "scores": "model's score",
    },
    "de": {
        "lighting": "Licht im Bild",
        "optics": "Schärfe des Bildes",
        "camera": "Lage der Kamera",
        "geometry": "Lage oder Form der Teile",
        "material": "Aussehen der Teile",
        "measurements": "ein Maß der Teile",
        "scores": "Modellwert",
    },
}
"""What the channels of a family are about, where the words of an alarm need it."""

CLASSES = {
    "en": {"(no class)": "without class", "(further classes)": "of further classes", "(rare classes)": "of rare classes"},
    "de": {"(no class)": "ohne Klasse", "(further classes)": "weiterer Klassen", "(rare classes)": "seltener Klassen"},
}
"""What parts are counted as that have no class of their own name (agent/core/mix.py)."""


def called(spec: ChannelSpec) -> str:
    """A channel of a name of its own (caliper, measurement) as an alarm says it: a long name by its end, which tells it apart."""
    name = spec.label or spec.name
    return name if len(name) <= MAX_SAID else f"…{name[1 - MAX_SAID :]}"


def names_a_cause(code: str) -> bool:
    """Whether the text of a code says what is likely."""
    return "{cause}" in ENGLISH[code if code in ENGLISH else f"place_{code.rpartition('_')[2]}"].text


def number(language: str, count: int) -> str:
    """A count as it is written: 6,200 or 6.200."""
    return f"{count:,}" if language == "en" else f"{count:,}".replace(",", ".")


def say(language: str, code: str, values: dict[str, str]) -> tuple[str, str]:
    """Text (at most 160 characters) and response of a code; `left_darker` is said as a place and a change."""
    catalogue = CATALOGUES[language]
    if code not in catalogue:
        place, _, kind = code.rpartition("_")
        code, values = f"place_{kind}", {**values, "place": PLACES[language][place]}
    words = catalogue[code]
    text = words.text.format_map(values)
    return (text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"), words.response.format_map(values)
