"""`docs/problems/`: a page for each problem in both languages, made from the texts that the node itself shows."""

from pathlib import Path

from schemas.problems import TongluError
from service.routes.problem_pages import RETRY_WORDS, kinds, with_gaps
from service.routes.problem_texts import EXPLAINED
from service.web.languages import Languages, Translator

CATALOGUE = Path(__file__).parents[2] / "docs" / "problems"
MADE = "<!-- Made from the code by `make docs`. -->"


def catalogue() -> dict[str, str]:
    """File name to text, of every page of the catalogue."""
    languages = Languages()
    made = {}
    for suffix, language in (("", "en"), (".zh-CN", "zh-CN")):
        translator = languages.translator(language)
        made[f"README{suffix}.md"] = _index(translator, suffix)
        for code, errors in kinds().items():
            made[f"{code}{suffix}.md"] = _page(code, errors, translator, suffix)
    return made


def _page(code: str, errors: list[type[TongluError]], translator: Translator, suffix: str) -> str:
    tell = translator.gettext
    other = f"[English]({code}.md)" if suffix else f"[中文]({code}.zh-CN.md)"
    lines = [f"# {code}", "", MADE, "", f"{other} · [{tell('All problems')}](README{suffix}.md)", ""]
    for error in errors:
        lines += [f"> {with_gaps(tell(error.message))}", "", f"`type`: `/problems/{code}` · {error.status}", ""]
        lines += [f"**{tell('May it be tried again?')}** `{error.retry}`: {tell(RETRY_WORDS[error.retry])}", ""]
    text = EXPLAINED[code]
    lines += [f"## {tell('What it means')}", "", tell(text.means), "", f"## {tell('What to do')}", "", tell(text.do)]
    return "\n".join(lines) + "\n"


def _index(translator: Translator, suffix: str) -> str:
    tell = translator.gettext
    other = "[English](README.md)" if suffix else "[中文](README.zh-CN.md)"
    lines = [f"# {tell('Problems and what to do')}", "", MADE, "", other, ""]
    for code, errors in kinds().items():
        lines.append(f"- [`{code}`]({code}{suffix}.md): {with_gaps(tell(errors[0].message))}")
    return "\n".join(lines) + "\n"
