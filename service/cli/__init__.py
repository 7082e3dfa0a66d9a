"""The command `tonglu`: each room's commands under one roof.

A module of this folder offers its commands as ``app`` (a group, named after its Typer's name or else the module) or
adds them itself with ``register(main)``. Modules import at the top only what is light: what a command needs, it imports
when it runs, so that `tonglu --help` answers at once.

Exit codes: 0 done; 1 refused or failed, with one line on stderr that says why; 2 wrong usage.
"""

import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence

import typer

from schemas.problems import TongluError

FRAME = frozenset({"__main__", "opening", "output"})
"""Modules of this folder without commands."""


def build() -> typer.Typer:
    """The whole command line; reads every room's module."""
    main_app = typer.Typer(
        name="tonglu",
        help="Tonglu (同路): the node of one region.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if found.name in FRAME:
            continue
        module = importlib.import_module(f"{__name__}.{found.name}")
        if hasattr(module, "register"):
            module.register(main_app)
        elif found.name == "demo":
            main_app.add_typer(module.app)
        else:
            main_app.add_typer(module.app, name=module.app.info.name or found.name)
    return main_app


def run(arguments: Sequence[str]) -> int:
    """Run one command in this process and return its exit code; its words go to stdout and stderr."""
    command = typer.main.get_command(build())
    try:
        command.main(args=list(arguments), prog_name="tonglu")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except TongluError as error:
        print(error.detail, file=sys.stderr)
        return 1
    except OSError as error:
        # A file that is missing or may not be read, a port that is taken: the machine's answer is the reason.
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def main() -> None:
    """The entry point of the distribution; whatever it writes, only its owner may read."""
    os.umask(0o077)
    # Modules are hundreds of thousands of objects that stay: looking through them again and again costs a fifth of
    # a command's start.
    gc.set_threshold(50_000, 20, 20)
    code = run(sys.argv[1:])
    sys.stdout.flush()
    # What is still there at the end goes with the process: looking through it for cycles takes most of a second.
    gc.freeze()
    sys.exit(code)
