"""`tonglu receipts`: the signed proof that a message was taken."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.opening import AsJson, Directory, open_node

if TYPE_CHECKING:
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
) -> None:
    """Verify a receipt by the keys that are pinned in this node; exit 1 and say why where it does not hold."""
    from pydantic import ValidationError

    from federation.receipts import ReceiptDocument, ReceiptUnproven, trusted_keys, verify_receipt
    from schemas.strict_json import UnreadableJsonError, read_document

    with open_node(directory) as node:
        file = Path(receipt)
        try:
            document = read_document(file.read_bytes()) if file.is_file() else _receipt(node, receipt)
            proven = verify_receipt(
                ReceiptDocument.from_wire(document),
                node.database.read_sync(lambda session: trusted_keys(session, node.fed)),
            )
        except (UnreadableJsonError, ValidationError):
            typer.echo("The file is not a receipt.", err=True)
            raise typer.Exit(1) from None
        except ReceiptUnproven as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
    ended = proven.result if proven.problem_code is None else f"{proven.result} ({proven.problem_code})"
    typer.echo(f"{proven.message_id}: sent by {proven.sent_by}, {ended} by {proven.taken_by} at {proven.recorded_at}")


def _receipt(node: "Node", message: str) -> dict[str, Any]:
    from federation.receipts import receipt_document
    from schemas.problems import NotFound

    document = node.database.read_sync(lambda session: receipt_document(session, message))
    if document is None:
        raise NotFound("There is no receipt for this message.")
    return document
