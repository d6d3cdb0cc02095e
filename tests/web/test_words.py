"""The words: both languages complete, nothing visible left unmarked, dates and ages as people say them."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes
from jinja2.ext import babel_extract

from web.words import CATALOGUE, LANGUAGES, language_of, words

WEB = Path(__file__).parents[2] / "web"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
# For makers, Dutch only, and absent outside demo and development.
MAKERS_PAGES = {"patterns.html", "patterns_form.html"}
MARKERS = {"gettext": 1, "ngettext": 2, "_": 1, "N_": 1}
SATURDAY = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)


def marked_in_python(source: str) -> Iterator[str]:
    """Read the calls from the syntax tree: unlike pybabel, this also sees inside f-strings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            for argument in node.args[: MARKERS.get(name, 0)][:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def marked_in_template(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for _, _, message, _ in babel_extract(file, ("_", "gettext", "ngettext"), (), {"trimmed": "true"}):
            first = message[0] if isinstance(message, tuple) else message
            if isinstance(first, str):
                yield first


def all_marked() -> set[str]:
    found: set[str] = set()
    for path in WEB.rglob("*.py"):
        found.update(marked_in_python(path.read_text()))
    for path in TEMPLATES:
        found.update(marked_in_template(path))
    return found


def english() -> dict[str, tuple[str, ...]]:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="en")
    return {
        (message.id if isinstance(message.id, str) else message.id[0]): (
            (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
        )
        for message in catalogue
        if message.id and not message.fuzzy
    }


def test_every_marked_text_has_its_english() -> None:
    catalogue = english()
    missing = sorted(text for text in all_marked() if not all(catalogue.get(text, ("",))))
    assert not missing, f"run the pybabel lines of web/README.md and translate: {missing}"


def test_the_catalogue_has_nothing_left_over() -> None:
    assert sorted(set(english()) - all_marked()) == []


def test_translations_fill_in_the_same_values() -> None:
    holes = re.compile(r"%\(\w+\)s|\{\w+\}")
    for text, translations in english().items():
        for translation in translations[-1:]:
            assert sorted(holes.findall(translation)) == sorted(holes.findall(text)) or "%(num)s" in translation, text


class VisibleText(HTMLParser):
    """Collects what a person would see or hear of a template whose expressions were blanked out."""

    SPOKEN = ("title", "alt", "placeholder", "aria-label", "aria-description")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.extend(value for name, value in attrs if name in self.SPOKEN and value)


def unmarked(source: str) -> list[str]:
    """Visible text outside every `_()`: in the HTML itself, or as a sentence handed to a part."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    html = "".join(
        value if kind == "data" else ""
        for _, kind, value in environment.lex(source)
        if kind in {"data", "variable_end", "block_end"}
    )
    parser = VisibleText()
    parser.feed(html)
    attributes = re.compile(r"""(\s*[\w-]+="[^"]*")+\s*""")  # a part that only writes attributes
    texts = [text.strip() for text in parser.found if not attributes.fullmatch(text)]
    spoken = [text for text in texts if re.search(r"[^\W\d_]{2,}", text)]
    tree = environment.parse(source)
    marked = {
        id(constant)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in MARKERS
        for argument in call.args
        for constant in [argument, *argument.find_all(nodes.Const)]
    }
    sentences = [
        constant.value
        for constant in tree.find_all(nodes.Const)
        if isinstance(constant.value, str)
        and id(constant) not in marked
        and re.search(r"^[A-Z][a-z]+|[a-z] [a-z]+[.?!]$", constant.value)
    ]
    return [text for text in spoken + sentences if text not in {"Nederlands", "English"}]


@pytest.mark.parametrize(
    "path", [path for path in TEMPLATES if path.name not in MAKERS_PAGES], ids=lambda path: path.name
)
def test_no_visible_text_is_left_unmarked(path: Path) -> None:
    assert unmarked(path.read_text()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "<p>Geen plek</p>",
        '<input placeholder="uw naam">',
        '{{ button("Verstuur") }}',
        "{% if a %}<b>vrij</b>{% endif %}",
        '{{ text(form, "age", _("Leeftijd"), hint="Schatten mag") }}',
    ],
)
def test_the_search_finds_planted_text(planted: str) -> None:
    assert unmarked(planted)


def test_the_search_leaves_marked_text_alone() -> None:
    assert unmarked('<p class="hint">{{ _("Geen plek") }}</p>{{ ngettext("Een plek", "Meer plekken", 3) }}') == []


@pytest.mark.parametrize(
    ("seconds", "dutch", "english_words"),
    [
        (0, "zojuist", "just now"),
        (59, "zojuist", "just now"),
        (60, "1 minuut geleden", "1 minute ago"),
        (12 * 60, "12 minuten geleden", "12 minutes ago"),
        (80 * 60, "1 uur en 20 minuten geleden", "1 hour and 20 minutes ago"),
        (7 * 3600 + 300, "7 uur geleden", "7 hours ago"),
        (47 * 3600, "47 uur geleden", "47 hours ago"),
        (48 * 3600, "2 dagen geleden", "2 days ago"),
        (-90, "over 1 minuut", "in 1 minute"),
    ],
)
def test_ages(seconds: int, dutch: str, english_words: str) -> None:
    instant = SATURDAY - timedelta(seconds=seconds)
    assert words("nl").ago(instant, SATURDAY) == dutch
    assert words("en").ago(instant, SATURDAY) == english_words


def test_moments() -> None:
    dutch, english_words = words("nl"), words("en")
    assert dutch.when(SATURDAY, SATURDAY) == "vandaag 23:40"
    # Half an hour later it is Sunday in Amsterdam, though still Saturday in UTC.
    assert dutch.when(SATURDAY, SATURDAY + timedelta(minutes=30)) == "gisteren 23:40"
    assert english_words.when(SATURDAY + timedelta(minutes=30), SATURDAY) == "tomorrow 00:10"
    assert dutch.when(SATURDAY, SATURDAY + timedelta(days=4)) == "za 21 nov 23:40"
    assert english_words.when(SATURDAY, SATURDAY + timedelta(days=400)) == "Sat 21 Nov 2026 23:40"


def test_the_hour_that_happens_twice_says_which() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert words("nl").clock(first) == "02:30 (zomertijd)"
    assert words("nl").clock(first + timedelta(hours=1)) == "02:30 (wintertijd)"
    assert words("nl").clock(first + timedelta(hours=2)) == "03:30"
    # In spring 02:30 does not exist; no instant is shown as it.
    assert words("nl").clock(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == "03:30"


def test_an_instant_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        words("nl").ago(datetime(2026, 11, 21, 12, 0), SATURDAY)  # noqa: DTZ001 - that is the point


def test_numbers() -> None:
    assert (words("nl").number(1234), words("en").number(1234)) == ("1.234", "1,234")
    assert words("nl").number(36.54, 1) == "36,5"


@pytest.mark.parametrize(
    ("cookie", "header", "expected"),
    [
        ("en", "nl", "en"),
        ("xx", "en-GB,en;q=0.9", "en"),
        (None, "fr, en;q=0.4, nl;q=0.8", "nl"),
        (None, "nl;q=0, en;q=0.1", "en"),
        (None, "de", "nl"),
        (None, "en;q=nonsense, ;;,\x00", "nl"),
        (None, "", "nl"),
    ],
)
def test_language(cookie: str | None, header: str, expected: str) -> None:
    request = SimpleNamespace(cookies={"lang": cookie} if cookie else {}, headers={"accept-language": header})
    assert language_of(request) == expected
    assert expected in LANGUAGES
