"""`tonglu receipts`: the signed proof that a message was taken."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
    from federation.receipts import Proven
    from service.context import Node

app = typer.Typer(name="receipts", help="Receipts of messages: show, verify.", no_args_is_help=True)

MessageId = Annotated[str, typer.Argument(help="The message's id.", metavar="ID")]


@app.command()
def show(directory: Directory, message: MessageId, *, as_json: AsJson = False) -> None:
    """Show what proves that a message was taken; with --json the whole evidence."""
    with open_node(directory) as node:
        document = _receipt(node, message)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    request, answer = document["request"], document["answer"]
    typer.echo(f"message  {document['message_id']}\ndigest   {document['digest']}")
    typer.echo(f"request  {request['method']} {request['target_uri']}\nanswer   {answer['status']}")
    for key in document["keys"]:
        typer.echo(f"key      {key['kid']}")


@app.command()
def verify(
    directory: Directory,
    receipt: Annotated[str, typer.Argument(help="A message's id, or a file with its receipt.", metavar="ID|FILE")],
    *,
    message: Annotated[
        Path | None,
        typer.Option(help="A file with the message: say, too, whether it is the one that was taken.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a receipt, offline, by the keys that this node has pinned; exit 1 and say why where it does not hold."""
    from federation.receipts import ReceiptUnproven

    with open_node(directory) as node:
        try:
            proven = _prove(node, receipt)
            if message is not None and _digest(message) != proven.digest:
                raise ReceiptUnproven("The file holds another message than the one that was taken.")
        except ReceiptUnproven as error:
            if as_json:
                typer.echo(json.dumps({"valid": False, "reason": str(error)}))
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps({"valid": True, **asdict(proven)}))
        return
    ended = proven.result if proven.problem_code is None else f"{proven.result} ({proven.problem_code})"
    typer.echo(f"{proven.message_id}: sent by {proven.sent_by}, {ended} by {proven.taken_by} at {proven.recorded_at}")


def _prove(node: "Node", receipt: str) -> "Proven":
    from pydantic import ValidationError

    from federation.receipts import ReceiptDocument, ReceiptUnproven, trusted_keys, verify_receipt
    from schemas.strict_json import UnreadableJsonError, read_document
    from service.evidence import witnessed_at

    file = Path(receipt)
    try:
        document = ReceiptDocument.from_wire(
            read_document(file.read_bytes()) if file.is_file() else _receipt(node, receipt)
        )
    except (UnreadableJsonError, ValidationError):
        raise ReceiptUnproven("The file is not a receipt.") from None
    trusted, witnessed = node.database.read_sync(
        lambda session: (trusted_keys(session, node.fed), witnessed_at(session, document))
    )
    return verify_receipt(document, trusted, witnessed_at=witnessed)


def _digest(file: Path) -> str | None:
    """The SHA-256 of a message's RFC 8785 form; None for a file that holds no JSON object."""
    from schemas.envelope import digest
    from schemas.strict_json import UnreadableJsonError, read_document

    try:
        document = read_document(file.read_bytes())
        return digest(document) if isinstance(document, dict) else None
    except (OSError, UnreadableJsonError, ValueError):
        return None


def _receipt(node: "Node", message: str) -> dict[str, Any]:
    from federation.receipts import receipt_document
    from schemas.problems import NotFound

    document = node.database.read_sync(lambda session: receipt_document(session, message))
    if document is None:
        raise NotFound("There is no receipt for this message.")
    return document
