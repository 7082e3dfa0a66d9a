"""The conformance suite: tries the protocol on any node, line by line, from both sides (`tonglu conformance`)."""

from federation.conformance.lines import Line, Outcome
from federation.conformance.stand import NotHeld, Operator, Stand
from federation.conformance.trial import CHAPTERS, all_lines, examine, table

__all__ = ["CHAPTERS", "Line", "NotHeld", "Operator", "Outcome", "Stand", "all_lines", "examine", "table"]
