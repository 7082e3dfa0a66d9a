"""The language that a program accepts (RFC 9110, 12.5.4)."""

from service.web.viewer import DEFAULT_LANGUAGE, PageLanguage


def accepted_language(header: str) -> PageLanguage:
    """The page language that an ``Accept-Language`` header likes best; Chinese when it names neither or both alike."""
    liking: dict[PageLanguage, float] = {}
    for part in header[:500].split(","):
        name, _, parameters = part.strip().partition(";")
        language = _page_language(name.strip().lower())
        if language is not None:
            liking[language] = max(liking.get(language, 0.0), _quality(parameters))
    if not liking:
        return DEFAULT_LANGUAGE
    best = max(liking.values())
    if best <= 0 or liking.get(DEFAULT_LANGUAGE) == best:
        return DEFAULT_LANGUAGE
    return next(language for language, quality in liking.items() if quality == best)


def _page_language(name: str) -> PageLanguage | None:
    match name.partition("-")[0]:
        case "zh" | "*":
            return "zh-CN"
        case "en":
            return "en"
    return None


def _quality(parameters: str) -> float:
    key, _, value = parameters.strip().partition("=")
    if key.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
