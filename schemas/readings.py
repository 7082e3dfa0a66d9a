"""How one Chinese character is read.

The library's table of characters is loaded by itself, without the library's table of phrases: a name is spelt character
by character, and the phrases cost every command that touches people half a second and 40 MB. A test holds that both
give the same.
"""

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_UMLAUT = str.maketrans(dict.fromkeys("ǖǘǚǜü", "v"))


def reading_of(character: str) -> str:
    """Give the usual reading of a character, with its tone mark and with `v` for ü; empty where it has none."""
    return _table().get(ord(character), "").partition(",")[0].translate(_UMLAUT)


@cache
def _table() -> dict[int, str]:
    library = find_spec("pypinyin")
    if library is None or library.origin is None:
        raise ModuleNotFoundError("pypinyin")
    spec = spec_from_file_location("tonglu_pinyin_of_characters", Path(library.origin).with_name("pinyin_dict.py"))
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("pypinyin.pinyin_dict")
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    table: dict[int, str] = module.pinyin_dict
    return table
