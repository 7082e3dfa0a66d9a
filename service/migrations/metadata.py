"""All tables there are, for drafting a migration and for the tests that make databases without one."""

import importlib
import importlib.util
import pkgutil

from sqlalchemy import MetaData
from sqlmodel import SQLModel

import service

OUTSIDE_DOMAIN_FOLDERS = (
    "federation.tables",
    "service.access_log",
    "service.copies",
    "service.evidence",
    "service.idempotency",
    "service.leases",
)
"""Modules with tables that are not called ``service/<room>/tables.py``."""


def all_tables() -> MetaData:
    """The metadata with every table of the three packages in it: imports each module that declares one."""
    names = list(OUTSIDE_DOMAIN_FOLDERS)
    names += [f"service.{room.name}.tables" for room in pkgutil.iter_modules(service.__path__) if room.ispkg]
    for name in names:
        if importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    return SQLModel.metadata
