"""`tonglu keys`: the node's own keys, as its peers know them."""

import json

import typer

from service.cli.opening import AsJson, Directory, open_node

app = typer.Typer(name="keys", help="This node's keys.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """This node's keys."""


@app.command("list")
def list_keys(directory: Directory, *, as_json: AsJson = False) -> None:
    """List the public keys by use, and the six words by which peers know them."""
    from federation.fingerprint import words
    from federation.pairing import own_fingerprint

    with open_node(directory) as node:
        found = [{**key.jwk, "retired_at": key.retired_at} for key in node.fed.keys.all()]
        mark = own_fingerprint(node.fed)
    spoken = {language: words(mark, language) for language in ("zh-CN", "en")}
    if as_json:
        typer.echo(json.dumps({"keys": found, "six_words": spoken}, ensure_ascii=False))
        return
    for key in found:
        typer.echo(f"{key['tonglu_use']}\t{key['crv']}\t{key['kid']}\t{key['retired_at'] or 'in force'}")
    for names in spoken.values():
        typer.echo(" ".join(names))
