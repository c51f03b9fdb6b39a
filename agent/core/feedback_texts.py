"""What somebody who reported is answered, by stable code, in plain words."""

from __future__ import annotations

ANSWERS: dict[str, dict[str, str]] = {
    "en": {
        "asked": "Taken: {count} part(s) will be looked at by somebody who does not know of your report, by {due}.",
        "waiting": "Taken: {part} is not known yet; it is looked at once it comes, by {due}.",
        "overdue": "Not looked at until {due}. It stays open; quality should be asked why.",
        "confirmed": "You were right: {part} was looked at again and found as you said.",
        "not_confirmed": "Looked at again and not found as you said: {parts}. Report it again if you see more.",
        "found_bad": "{part} was looked at again and is bad. Good that you said so.",
        "found_good": "Looked at again and found good: {parts}. Report it again if you see more.",
        "no_part": "No part was made shortly before {at}: name the part, or the time you saw it.",
        "unknown_part": "No part {part} came until {due}: check its number and report it again.",
        "given_up": "Too many reports are open; this one was not looked at. Tell quality in person.",
    },
    "de": {
        "asked": "Angenommen: {count} Teil(e) werden bis {due} nachgeprüft, ohne dass der Prüfer von der Meldung weiß.",
        "waiting": "Angenommen: {part} ist noch nicht bekannt; es wird geprüft, sobald es kommt, bis {due}.",
        "overdue": "Bis {due} nicht nachgeprüft. Bleibt offen; bei QS nachfragen.",
        "confirmed": "Richtig gesehen: {part} wurde nachgeprüft und ist, wie gemeldet.",
        "not_confirmed": "Nachgeprüft und nicht wie gemeldet gefunden: {parts}. Bitte wieder melden, wenn mehr kommt.",
        "found_bad": "{part} wurde nachgeprüft und ist schlecht. Gut, dass es gemeldet wurde.",
        "found_good": "Nachgeprüft und gut: {parts}. Bitte wieder melden, wenn mehr kommt.",
        "no_part": "Kurz vor {at} lief kein Teil: Teil nennen, oder wann es gesehen wurde.",
        "unknown_part": "Kein Teil {part} bis {due}: Nummer prüfen und wieder melden.",
        "given_up": "Zu viele Meldungen offen; diese wurde nicht nachgeprüft. Bitte QS direkt ansprechen.",
    },
}
# Parts named in an answer; of more, the rest are counted.
_NAMED = 5


def answer(language: str, code: str, *, parts: tuple[str, ...], part_id: str, due: str, at: str) -> str:
    """The words of an answer."""
    named = ", ".join(parts[:_NAMED]) + (f" +{len(parts) - _NAMED}" if len(parts) > _NAMED else "")
    return ANSWERS[language][code].format(count=len(parts), parts=named, part=part_id, due=due, at=at)
