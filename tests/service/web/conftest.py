"""Every text that a page can show, found in templates, in code and in the error tree, by the room it belongs to."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from babel.messages.extract import extract

from schemas.problems import TongluError

ROOT = Path(__file__).parents[3]
SERVICE = ROOT / "service"
TEMPLATES = SERVICE / "web" / "templates"
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


@pytest.fixture(scope="session")
def texts() -> "list[Text]":
    return all_texts()


class Text(NamedTuple):
    room: str
    singular: str
    plural: str | None


def all_texts() -> list[Text]:
    found = [*in_templates(), *in_code(), *in_refusals(), *in_problems()]
    return list(dict.fromkeys(found))


def in_templates() -> Iterator[Text]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        parts = path.relative_to(TEMPLATES).parts
        room = parts[0] if len(parts) > 1 else "web"
        with path.open("rb") as file:
            options = {"encoding": "utf-8", "newstyle_gettext": "true", "silent": "false"}
            for _line, message, _comments, _context in extract(
                "jinja2.ext:babel_extract", file, keywords=KEYWORDS, options=options
            ):
                yield _text(room, message)


def in_code() -> Iterator[Text]:
    for path in python_files():
        with path.open("rb") as file:
            for _line, message, _comments, _context in extract("python", file, keywords=KEYWORDS):
                yield _text(room_of(path), message)


def in_refusals() -> Iterator[Text]:
    """Messages at a field (`{"field": …, "message": …}`, `FieldError`), and errors raised with words of their own."""
    errors = {error.__name__ for error in error_classes()}
    for path in python_files():
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            for message in _messages(node, errors):
                for text in _strings(message, tree):
                    yield Text(room_of(path), text, None)


def _messages(node: ast.AST, errors: set[str]) -> Iterator[ast.expr]:
    if isinstance(node, ast.Dict):
        entries = {
            key.value: value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)
        }
        if {"field", "message"} <= set(entries):
            yield entries["message"]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "FieldError" and len(node.args) > 1:
            yield node.args[1]
        elif node.func.id in errors and node.args:
            yield node.args[0]


def in_problems() -> Iterator[Text]:
    for error in error_classes():
        yield Text("problems", error.message, None)


def error_classes() -> list[type[TongluError]]:
    importlib.import_module("schemas.problems")
    found: list[type[TongluError]] = []
    waiting = [TongluError]
    while waiting:
        error = waiting.pop()
        found.append(error)
        waiting.extend(error.__subclasses__())
    return sorted(found, key=lambda error: error.__name__)


def python_files() -> list[Path]:
    return [path for path in sorted(SERVICE.rglob("*.py")) if not {"cli", "demo", "migrations"} & set(path.parts)]


def room_of(path: Path) -> str:
    parts = path.relative_to(SERVICE).parts
    return parts[0] if len(parts) > 1 else "web"


def _text(room: str, message: str | tuple[str, ...]) -> Text:
    if isinstance(message, tuple):
        return Text(room, message[0], message[1])
    return Text(room, message, None)


def _strings(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """The strings that an expression can come to: itself, either side of a condition, what a variable was given."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _strings(node.body, tree)
        yield from _strings(node.orelse, tree)
    elif isinstance(node, ast.Name):
        for one in ast.walk(tree):
            given = isinstance(one, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == node.id for target in one.targets
            )
            if given and isinstance(one.value, ast.Constant | ast.IfExp):
                yield from _strings(one.value, tree)
