"""An officer says what the columns of an upload mean: it is read anew, and the answer is remembered for this sender."""

from dataclasses import replace

from schemas.problems import InvalidInput, UploadGone, WrongState
from service.context import Node
from service.ledgers import actions
from service.ledgers.files.fields import Chosen, LedgerKind, Why
from service.ledgers.files.mapping import check_choice, with_memory
from service.ledgers.files.reader_process import LedgerReader
from service.ledgers.importing import Opened, hash_of, keep_choice
from service.ledgers.origins import Origin
from service.ledgers.queries import ledger_view
from service.officers.rules import Officer
from service.web.languages import N_

ANOTHER_FILE = N_("This is another file. Start a new import with it.")


def choose_columns(
    node: Node,
    import_id: str,
    chosen: Chosen,
    *,
    by: Officer,
    kind: LedgerKind | None = None,
    content: bytes | None = None,
) -> Opened:
    """Have an upload read anew, some of its columns as `chosen`; what was chosen before stays as it is.

    The caller reads the rows (`importing.read_rows`) and closes the reader. `content` is the file once more, where it
    is not held any longer. Raises `NotFound`, `Forbidden`, `WrongState` once anybody was registered, `UploadGone`,
    `LedgerUnreadable`, and `InvalidInput` for a choice of which no ledger can be made.
    """
    view = node.database.read_sync(lambda session: ledger_view(session, node, import_id, by=by, with_rows=False))
    if view.state not in ("columns", "checked", "failed"):
        raise WrongState
    held = content if content is not None else node.held.get(import_id, node.now())
    if held is None:
        raise UploadGone
    _same_file(node, import_id, held, by=by)
    check_choice(view.columns, chosen)
    in_force = {one.header: one.field for one in view.columns if one.why in (Why.CHOSEN, Why.REMEMBERED)}
    wanted = with_memory(in_force, chosen)
    kind = kind or view.kind
    reader = LedgerReader(held, kind)
    try:
        reader.choose(wanted, kind)
        if reader.refusal is not None:
            raise InvalidInput(errors=[{"field": "columns", "message": reader.refusal.msgid}])
        opened = Opened(reader, "", wanted, {})
        columns = opened.columns
        node.database.write_sync(lambda session: actions.begin_again(session, node, import_id, kind, columns, by=by))
    except BaseException:
        reader.close()
        raise
    node.held.put(import_id, held, node.now())
    keep_choice(node, opened, by=replace(by, area=view.area), origin=Origin(view.source, view.source_region))
    return opened


def _same_file(node: Node, import_id: str, content: bytes, *, by: Officer) -> None:
    ledger = node.database.read_sync(lambda session: actions.find_import(session, import_id, by=by))
    if ledger.file_mark != actions.file_mark_of(node, hash_of(content)):
        raise InvalidInput(errors=[{"field": "file", "message": ANOTHER_FILE}])
