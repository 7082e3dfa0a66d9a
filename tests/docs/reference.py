"""The parts of `docs/reference/` that are made from the code: `make docs` writes them, a test holds them to it."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticUndefined

from schemas import problems
from schemas.messages import MESSAGE_TYPES
from schemas.problems import FederationError, MessageRefused, TongluError
from service.cli import build
from service.settings import ENVIRONMENT_PREFIX, Settings
from tests.docs.catalogue import CATALOGUE, catalogue
from tests.docs.wire import write as write_wire

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MADE = "<!-- Made from the code by `make docs`. -->\n"


def pages() -> dict[str, str]:
    """File name to text, of every page that is made."""
    return {
        "settings.md": settings(),
        "commands.md": commands(),
        "problems.md": problem_codes(),
        "messages.md": messages(),
    }


def cell(text: str) -> str:
    """Text for a table: one line, no pipe, reStructuredText's double backticks as Markdown's."""
    return re.sub(r"\s+", " ", text).replace("``", "`").replace("|", "\\|").strip()


def plain(text: str) -> str:
    """A docstring's cross references as plain names."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)


# --- settings ---------------------------------------------------------------------------------------------------------


def settings() -> str:
    """Every setting with its variable, its default and what it does."""
    lines = [
        "# Settings",
        "",
        MADE,
        "A node reads `tonglu.toml` in its directory and the environment; the environment wins. A setting that is",
        "wrong, unknown or unsafe stops the start with one line that says which and why.",
        "",
        "| in `tonglu.toml` | in the environment | default | |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is PydanticUndefined:
            shown = "set by `tonglu init`"
        elif default in (None, "", ()):
            shown = "–"
        elif isinstance(default, tuple):
            shown = f"`{','.join(moment.strftime('%H:%M') for moment in default)}`"
        else:
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        lines.append(
            f"| `{name}` | `{(ENVIRONMENT_PREFIX + name).upper()}` | {shown} | {cell(field.description or '')} |"
        )
    return "\n".join(lines) + "\n"


# --- commands ---------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its arguments and options."""
    root: Any = typer.main.get_command(build())
    lines = [
        "# Commands",
        "",
        MADE,
        "`tonglu --help` and `tonglu COMMAND --help` say the same. They end with 0 when done, with 1 when refused or",
        "failed (one line on stderr says why), with 2 for wrong usage.",
        "",
    ]
    for path, command in sorted(leaves(root, "tonglu")):
        usage = " ".join([path, *(metavar(one) for one in command.params if one.param_type_name == "argument")])
        lines += [f"## `{path}`", "", f"`{usage}`", "", cell(command.help or ""), ""]
        options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
        if options:
            lines += ["| option | |", "|---|---|"]
            for option in options:
                required = " *(required)*" if option.required else ""
                lines.append(f"| `{', '.join(option.opts)}` | {cell(option.help or '')}{required} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def metavar(argument: Any) -> str:
    """An argument as usage lines show it: in brackets where it may be left out."""
    name = argument.metavar or str(argument.name).upper()
    return name if argument.required else f"[{name}]"


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, one in inner.items():
        yield from leaves(one, f"{path} {name}")


# --- problems ---------------------------------------------------------------------------------------------------------


def problem_codes() -> str:
    """Every code of the error tree, by where it can come from."""
    groups: dict[str, list[type[TongluError]]] = {"federation": [], "message": [], "local": []}
    for _, error in inspect.getmembers(problems, inspect.isclass):
        if not issubclass(error, TongluError) or error.__subclasses__():
            continue
        group = "federation" if issubclass(error, FederationError) else "local"
        groups["message" if issubclass(error, MessageRefused) else group].append(error)
    lines = [
        "# Problems",
        "",
        MADE,
        "Errors are RFC 9457 problems; `type` is `/problems/<code>`. `retry` says what the caller may do: `now` (a new",
        "request at once), `later`, `after_fixing` something, or `never`.",
    ]
    titles = {
        "federation": "A whole request between nodes",
        "message": "One message of a batch",
        "local": "The node's own API, pages and commands",
    }
    for group, title in titles.items():
        lines += ["", f"## {title}", "", "| code | status | retry | |", "|---|---|---|---|"]
        for error in sorted(groups[group], key=lambda one: (one.code, one.__name__)):
            lines.append(f"| `{error.code}` | {error.status} | `{error.retry}` | {cell(error.message)} |")
    return "\n".join(lines) + "\n"


# --- messages ---------------------------------------------------------------------------------------------------------


def messages() -> str:
    """Every message type with the members of its data."""
    lines = [
        "# Messages",
        "",
        MADE,
        "The data of each message type between nodes; `?` marks what may be absent. How messages travel is in",
        "[the protocol](../protocol.md); [schemas](../protocol/schemas/) holds a JSON Schema of each, and",
        "[examples](../protocol/examples/) a whole message.",
    ]
    for name, model in sorted(MESSAGE_TYPES.items()):
        about = plain(inspect.cleandoc(model.__doc__ or ""))
        lines += ["", f"## `{name}`", "", about, ""]
        fields = [
            f"`{field}`{'' if information.is_required() else '?'}" for field, information in model.model_fields.items()
        ]
        lines.append("Data: " + (" · ".join(fields) or "none") + ".")
        lines.append(f"[Schema](../protocol/schemas/{name}.json) · [example](../protocol/examples/{name}.json)")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write every page."""
    write_wire()
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    CATALOGUE.mkdir(exist_ok=True)
    for name, text in catalogue().items():
        (CATALOGUE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
