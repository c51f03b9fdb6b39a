"""What an inspector's word says: good or defective. Only words that are listed here or declared, and no others."""

from __future__ import annotations

from collections.abc import Sequence

GOOD = frozenset(
    (
        "ok o.k. okay good pass passed accept accepted conform conforming io i.o. i.o"
        " gut in_ordnung gutteil bestanden bon conforme accepté"
        " accepte bueno correcto aprobado buono conforme idoneo bom aprovado dobry dobrý v_poriadku 良 良品"
        " 合格 可 正常 양호 합격 ○ 〇"
    )
    .casefold()
    .split()
)
DEFECTIVE = frozenset(
    (
        "ng n.g. nok n.o.k. not_ok bad fail failed reject rejected defective defect"
        " faulty scrap nonconform nio n.i.o. n.i.o schlecht"
        " defekt fehlerhaft ausschuss schlechtteil nicht_bestanden mauvais défectueux defectueux"
        " rebut non_conforme malo defectuoso"
        " rechazado difettoso scarto ruim defeituoso reprovado zły vadný nepodarok 不良 不良品 不合格 不可"
        " 異常 异常 否 불량 불합격 ×"
    )
    .casefold()
    .split()
)
# Their sense is the column's: `defective = yes` and `passed = yes` are opposites.
_YES_WORDS = "1 true yes y t ja j wahr oui o vrai sí si s sim vero verdadero tak ano はい 是 有"
YES = frozenset(_YES_WORDS.split())
_NO_WORDS = "0 false no n f nein falsch non faux não nao falso nie ne いいえ 无 無"
NO = frozenset(_NO_WORDS.split())


class Words:
    """Reads the verdicts of one file. means_defective: what yes says in this column; None where the header does not tell."""

    def __init__(self, *, means_defective: bool | None, good: Sequence[str] = (), defective: Sequence[str] = ()) -> None:
        self._known: dict[str, bool] = dict.fromkeys(GOOD, False) | dict.fromkeys(DEFECTIVE, True)
        if means_defective is not None:
            self._known |= dict.fromkeys(YES, means_defective) | dict.fromkeys(NO, not means_defective)
        self._known |= {_plain(word): False for word in good} | {_plain(word): True for word in defective}

    def is_defective(self, cell: str) -> bool | None:
        """None for a word that is not known."""
        return self._known.get(_plain(cell))


def yes_or_no(cell: str) -> bool | None:
    """A plain yes or no; None for anything else."""
    word = _plain(cell)
    return True if word in YES else False if word in NO else None


def _plain(cell: str) -> str:
    return "_".join(cell.casefold().split())
