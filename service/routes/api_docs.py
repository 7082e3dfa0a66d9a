"""``/docs``: the JSON API on one plain page, made from the OpenAPI document; nothing is fetched from elsewhere."""

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

_METHODS = ("get", "post", "put", "patch", "delete")
router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """List every operation with its parameters, body and answers, and every shape."""
    document = request.app.openapi()
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(document['info']['title'])}: JSON API</title></head><body><main>",
        f"<h1>{escape(document['info']['title'])}: JSON API</h1>",
        '<p>The same as a document: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>',
        "<h2>Operations</h2>",
    ]
    for path, operations in document["paths"].items():
        parts += [_operation(method, path, operations[method]) for method in _METHODS if method in operations]
    parts.append("<h2>Shapes</h2>")
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        parts.append(f'<section id="{escape(name)}"><h3>{escape(name)}</h3>{_text(schema)}{_json(schema)}</section>')
    parts.append("</main></body></html>")
    return HTMLResponse("".join(parts))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(one['name'])}</code> ({escape(one['in'])}"
        f"{', required' if one.get('required') else ''}) {escape(one.get('description', ''))}</li>"
        for one in operation.get("parameters", [])
    )
    body = _shapes(operation.get("requestBody", {}).get("content", {}))
    answers = "".join(
        f"<li>{escape(status)}: {_shapes(answer.get('content', {})) or escape(answer.get('description', ''))}</li>"
        for status, answer in operation.get("responses", {}).items()
    )
    return (
        f"<section><h3><code>{method.upper()} {escape(path)}</code></h3>{_text(operation)}"
        f"{f'<p>Parameters</p><ul>{parameters}</ul>' if parameters else ''}"
        f"{f'<p>Body: {body}</p>' if body else ''}<p>Answers</p><ul>{answers}</ul></section>"
    )


def _shapes(content: dict[str, Any]) -> str:
    return ", ".join(
        f"{escape(kind)} {_link(media.get('schema', {}).get('$ref', '').rpartition('/')[2])}".strip()
        for kind, media in content.items()
    )


def _link(name: str) -> str:
    return f'<a href="#{escape(name)}">{escape(name)}</a>' if name else ""


def _text(described: dict[str, Any]) -> str:
    description = described.get("description")
    return f"<p>{escape(description)}</p>" if description else ""


def _json(schema: dict[str, Any]) -> str:
    shown = {name: value for name, value in schema.items() if name not in {"title", "description"}}
    return f"<pre>{escape(json.dumps(shown, ensure_ascii=False, indent=1))}</pre>"
