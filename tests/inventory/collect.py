"""Collects every name under which the node keeps, takes, shows or logs something, from the code itself.

Groups, as in `fields.toml`:

- `tables.<table>`: columns, from the metadata;
- `models.<room>.<Class>`: fields of every pydantic model (bodies and answers of the API, messages, sealed documents);
- `json.<room>`: keys of dictionaries that the code writes out (`{"held": …}`, `facts["held"] = …`, `dict(held=…)`);
- `parameters`: path, query and header parameters, from the OpenAPI document;
- `forms.<room>`: names of inputs, selects, text areas and buttons in the templates, and of fields that pages read;
- `log`: events and keys of every call that writes to the process log;
- `metrics`: names and labels of what `/metrics` counts.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import jinja2.nodes
from pydantic import BaseModel
from pydantic_settings import BaseSettings
from sqlmodel import SQLModel

import federation
import schemas
import service
from service.logs import KEYS
from service.migrations.metadata import all_tables
from service.web.templating import TEMPLATES

ROOT = Path(service.__file__).parent.parent
PACKAGES = (schemas, federation, service)
CLIENTS = ("service/demo/", "service/cli/demo.py")
"""The demo speaks to nodes as anyone may: what it sends is named by the models that take it."""

LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "bind"})
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FORM_READERS = frozenset({"text", "texts", "has", "needed", "date", "choice", "refuse"})
COMPONENTS_WITH_NAME = {
    "field": 1,
    "region_field": 1,
    "select": 1,
    "radios": 1,
    "checkboxes": 1,
    "textarea": 1,
    "file": 1,
    "filter": 0,
}
"""Macros of `components.html` that make an input, and the place of its name among their arguments."""

Names = dict[str, set[str]]


def room_of(path: Path) -> str:
    """`registry` for service/registry/rules.py, `vault` for service/vault.py, `federation` for all of federation."""
    package, *rest = path.relative_to(ROOT).parts
    if package != "service":
        return package
    return rest[0] if len(rest) > 1 else Path(rest[0]).stem


@cache
def sources() -> tuple[tuple[Path, ast.Module], ...]:
    """Every module of the three packages, parsed: once, which is most of what all this costs."""
    return tuple(
        (path, ast.parse(path.read_text("utf-8")))
        for package in PACKAGES
        for path in sorted(Path(package.__path__[0]).rglob("*.py"))
        if "/versions/" not in (inside := path.relative_to(ROOT).as_posix()) and not inside.startswith(CLIENTS)
    )


# --- tables and models --------------------------------------------------------------------------


def tables() -> Names:
    """Columns by table."""
    return {f"tables.{name}": {column.name for column in table.columns} for name, table in all_tables().tables.items()}


def import_all() -> None:
    """Import every module of the three packages, so that every model is known."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__") and ".migrations." not in found.name:
                importlib.import_module(found.name)


def models() -> Names:
    """Fields by pydantic model, under the names they have in JSON; what it inherits stands with the parent.

    Settings are the operator's (docs/reference/settings.md), tables have their own group.
    """
    import_all()
    found: Names = defaultdict(set)
    for model in _below(BaseModel):
        module = model.__module__
        if module.split(".")[0] not in {"schemas", "federation", "service"} or "[" in model.__name__:
            continue
        if issubclass(model, (SQLModel, BaseSettings)):
            continue
        place = importlib.import_module(module).__file__
        assert place is not None
        group = f"models.{room_of(Path(place))}.{model.__name__}"
        own = inspect.get_annotations(model)
        found[group] |= {info.alias or name for name, info in model.model_fields.items() if name in own}
    return {group: names for group, names in found.items() if names}


def _below(base: type[Any]) -> Iterator[type[Any]]:
    for child in base.__subclasses__():
        yield child
        yield from _below(child)


# --- dictionaries -------------------------------------------------------------------------------


def dictionaries() -> Names:
    """Keys of the dictionaries that code writes out, by room.

    Look-up tables (a module's constants in capitals) are written out nowhere; HTTP header names are no keys of ours.
    """
    found: Names = defaultdict(set)
    for path, tree in sources():
        group = f"json.{room_of(path)}"
        for statement in tree.body:
            if _is_look_up_table(statement):
                continue
            for node in ast.walk(statement):
                found[group] |= {key for key in _keys(node) if NAME.fullmatch(key)}
    return {group: names for group, names in found.items() if names}


def _is_look_up_table(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return all(isinstance(target, ast.Name) and target.id.strip("_").isupper() for target in targets)


def all_written_names() -> Names:
    """Every word that code uses as a name of something, by file: for the deny-list, which wants no exception.

    Keys of any dictionary (look-up tables, too), attributes, parameters, keywords, classes, functions, variables.
    """
    found: Names = defaultdict(set)
    for path, tree in sources():
        names = found[path.relative_to(ROOT).as_posix()]
        for node in ast.walk(tree):
            names |= set(_keys(node))
            for part in ("id", "attr", "arg", "name"):
                value = getattr(node, part, None)
                if isinstance(value, str):
                    names.add(value)
    return found


def _keys(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        yield from (key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        yield from (keyword.arg for keyword in node.keywords if keyword.arg)
    elif (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    ):
        yield node.slice.value


# --- forms --------------------------------------------------------------------------------------


def forms() -> Names:
    """Names of form fields: written in templates, given to components, and read by pages."""
    found: Names = defaultdict(set)
    for path in sorted(TEMPLATES.rglob("*.html")):
        inside = path.relative_to(TEMPLATES)
        group = f"forms.{inside.parts[0] if len(inside.parts) > 1 else 'layout'}"
        found[group] |= set(template_fields(path.read_text("utf-8")))
    for path, tree in sources():
        if path.name.startswith("pages") and room_of(path) != "web":
            found[f"forms.{room_of(path)}"] |= set(_read_fields(tree))
    return {group: names for group, names in found.items() if names}


_INPUT = re.compile(r"<(?:input|select|textarea|button)\b[^>]*?\bname=\"([^\"]*)\"", re.DOTALL)


def template_fields(source: str) -> Iterator[str]:
    """Names of the inputs in one template; a name that is computed stands as `{…}` with its expression."""
    for name in _INPUT.findall(source):
        shown = re.sub(r"\{\{\s*(.*?)\s*\}\}", r"{\1}", name)
        if shown not in {"{name}", "{key}"}:  # inside a component: its callers are looked at below
            yield shown
    tree = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(source)
    for call in tree.find_all(jinja2.nodes.Call):
        macro = call.node.attr if isinstance(call.node, jinja2.nodes.Getattr) else getattr(call.node, "name", "")
        keywords = {keyword.key: keyword.value for keyword in call.kwargs}
        if macro in COMPONENTS_WITH_NAME:
            place = COMPONENTS_WITH_NAME[macro]
            given = keywords.get("name") or (call.args[place] if len(call.args) > place else None)
            if given is not None:
                yield _written(given)
        elif macro == "button" and "name" in keywords:
            yield _written(keywords["name"])
        elif macro in {"act", "confirm"} and isinstance(values := keywords.get("values"), jinja2.nodes.Dict):
            yield from (_written(pair.key) for pair in values.items)


def _written(node: jinja2.nodes.Node) -> str:
    """A constant as it is; anything computed as its pieces."""
    if isinstance(node, jinja2.nodes.Const):
        return str(node.value)
    if isinstance(node, jinja2.nodes.Concat):
        return "".join(_written(piece) for piece in node.nodes)
    if isinstance(node, jinja2.nodes.Add):
        return _written(node.left) + _written(node.right)
    if isinstance(node, jinja2.nodes.Getattr):
        return f"{{{node.attr}}}"
    return f"{{{getattr(node, 'name', '…')}}}"


def _read_fields(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in FORM_READERS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in {"form", "sent", "typed"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
            and node.args[0].value  # a refusal of the whole form names no field
        ):
            yield node.args[0].value


# --- the process log ----------------------------------------------------------------------------


def log() -> Names:
    """Events (the literal text) and keys of everything that is written to the process log."""
    found = {f"{key}=" for key in KEYS}
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _writes_log(node.func):
                if node.args:
                    event = node.args[0]
                    found.add(event.value if isinstance(event, ast.Constant) else ast.unparse(event))
                found |= {f"{keyword.arg}=" for keyword in node.keywords if keyword.arg}
                found |= {f"%{ast.unparse(argument)}" for argument in node.args[1:]}
    return {"log": found}


def _writes_log(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "bind_contextvars"
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr in {"bind_contextvars", "bound_contextvars"}:
        return True
    owner = function.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return function.attr in LOG_METHODS and name.strip("_") in {"log", "logger", "logging"}


# --- figures ------------------------------------------------------------------------------------


def metrics() -> Names:
    """Names and labels of the figures that `/metrics` tells."""
    found: set[str] = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("MetricFamily"):
                found |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
                labels = next((keyword.value for keyword in node.keywords if keyword.arg == "labels"), None)
                found |= {label.value for label in getattr(labels, "elts", []) if isinstance(label, ast.Constant)}
    return {"metrics": found}


# --- what the running application says ----------------------------------------------------------


@cache
@cache
def in_code() -> dict[str, frozenset[str]]:
    """All groups that the code alone tells; parameters come from the running application."""
    return {
        group: frozenset(names)
        for part in (tables(), models(), dictionaries(), forms(), log(), metrics())
        for group, names in part.items()
    }


def parameters(openapi: dict[str, Any]) -> set[str]:
    """Path, query and header parameters, and the fields of bodies that no model describes."""
    found: set[str] = set()
    for operations in openapi["paths"].values():
        for operation in operations.values():
            found |= {parameter["name"] for parameter in operation.get("parameters", [])}
    for name, component in openapi["components"]["schemas"].items():
        if name.startswith("Body_"):
            found |= set(component.get("properties", {}))
    return found
