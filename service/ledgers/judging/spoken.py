"""What the commands say of a ledger, in the reader's language."""

from collections.abc import Iterable, Iterator, Sequence

from service.ledgers.files.fields import KeptColumn, LedgerKind
from service.ledgers.judging.messages import header_of, message_of
from service.ledgers.judging.rules import Outcome
from service.ledgers.report import ReportRow
from service.web.languages import N_, Translator
from service.web.words import word

_KIND = {LedgerKind.ARRIVALS: N_("A ledger of arrivals"), LedgerKind.DEPARTURES: N_("A ledger of departures")}


def sentences(
    rows: Iterable[ReportRow],
    kind: LedgerKind,
    kept: Sequence[KeptColumn],
    dropped: Sequence[str],
    translator: Translator,
    *,
    counts: dict[str, int],
    registered: int | None = None,
) -> Iterator[str]:
    """Say what kind of ledger it is, which columns were read, how many rows came to what, and each row with a reason.

    `registered`: how many people were registered; `None` where nobody was meant to be.
    """
    say = translator.gettext
    told = "  ".join(f"{say(word('ledger_outcome', one))} {counts[one]}" for one in Outcome)
    yield f"{say(_KIND[kind])} ({say(N_('%(count)s people'), count=sum(counts.values()))}): {told}"
    read = ", ".join(f"{column.header} → {header_of(column.field, kind, translator.language)}" for column in kept)
    yield f"{say(N_('Columns that were read'))}: {read}"
    if dropped:
        yield f"{say(N_('Columns that were not read'))}: {', '.join(dropped)}"
        yield say(N_("Nothing that stands in those columns is stored anywhere."))
    told_of = False
    for row in rows:
        if not row.codes:
            continue
        if not told_of:
            yield say(N_("Rows with something to say, counted from the first person of the file:"))
            told_of = True
        reason = message_of(row.codes, say)
        yield f"{row.number:>6}  {say(word('ledger_outcome', row.outcome))}  {reason} [{', '.join(row.codes)}]"
    if registered is None:
        yield say(N_("Nobody was registered."))
    else:
        yield say(N_("%(count)s people were registered; each of them is still to be told."), count=registered)
