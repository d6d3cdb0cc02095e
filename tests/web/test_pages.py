"""Pages: safe headers, both languages, parts that cannot claim more than they know."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from web import patterns
from web.assets import STATIC
from web.headers import CONTENT_SECURITY_POLICY, SecurityHeaders
from web.pages import TEMPLATES, Form, Frame, _environment
from web.routes import ROUTES, local_path

NOW = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)
APP = SecurityHeaders(Starlette(routes=[*ROUTES, *patterns.routes(lambda: NOW)]))
CLIENT = TestClient(APP, follow_redirects=False)
PAGES = (
    "/patronen",
    "/patronen/formulier/leeg",
    "/patronen/formulier/ingevuld",
    "/patronen/formulier/fout",
    "/patronen/inloggen",
    "/patronen/fout/404",
    "/patronen/fout/500",
)


def part(source: str, **context: object) -> str:
    """A piece of template rendered in Dutch, with its white space tidied."""
    frame = Frame(NOW)
    text = _environment("nl").from_string(source).render(now=NOW, frame=frame, csrf_token="t", **context)
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_page_renders_with_safe_headers(path: str, language: str) -> None:
    answer = CLIENT.get(path, headers={"accept-language": language})
    assert f'<html lang="{language}">' in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_anything_the_policy_forbids(path: str) -> None:
    text = CLIENT.get(path).text
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:|https?://", text)


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_asks_htmx_to_evaluate(path: Path) -> None:
    assert not re.search(r"hx-on|hx-vals=.js:|hx-trigger=[^>]*\[|\|\s*safe", path.read_text())


def test_ids_are_unique_on_every_page() -> None:
    for path in PAGES:
        ids = re.findall(r'\sid="([^"]+)"', CLIENT.get(path).text)
        assert len(ids) == len(set(ids)), path


@pytest.mark.parametrize(
    ("band", "confirmed", "expected"),
    [
        ("fresh", NOW - timedelta(minutes=12), "vers, gecontroleerd 12 minuten geleden"),
        ("stale", NOW - timedelta(days=3), "verouderd, gecontroleerd 3 dagen geleden"),
        ("fresh", None, "onbekend, nog nooit gecontroleerd"),
        ("nonsense", NOW, "onbekend, gecontroleerd zojuist"),
    ],
)
def test_freshness_always_says_its_age_and_never_more_than_is_known(
    band: str, confirmed: datetime | None, expected: str
) -> None:
    html = part(
        '{% from "parts/show.html" import freshness with context %}{{ freshness(band, at) }}', band=band, at=confirmed
    )
    assert re.sub(r"<[^>]+>", "", html) == expected
    assert ("fresh--fresh" in html) == (band == "fresh" and confirmed is not None)


@pytest.mark.parametrize(("band", "shown"), [("fresh", "2"), ("stale", "2 (verouderd)"), ("unknown", "onbekend")])
def test_a_count_is_never_surer_than_its_freshness(band: str, shown: str) -> None:
    html = part('{% from "parts/show.html" import count with context %}{{ count(2, band) }}', band=band)
    assert re.sub(r"<[^>]+>", "", html) == shown


def test_tristate_starts_at_unknown() -> None:
    html = part('{% from "parts/forms.html" import tristate with context %}{{ tristate(form, "a", "A") }}', form=Form())
    assert re.findall(r'value="(\w+)" checked', html) == ["unknown"]


def test_what_a_person_typed_is_escaped() -> None:
    html = part(
        '{% from "parts/forms.html" import text with context %}{{ text(form, "a", "A") }}',
        form=Form({"a": '"><script>x</script>'}),
    )
    assert "<script" not in html


def test_every_region_has_its_own_place_on_the_map() -> None:
    places = re.findall(r"\.at-(VR\d\d) \{ grid-area: (\d / \d); \}", (STATIC / "nrm.css").read_text())
    assert {code for code, _ in places} == {f"VR{number:02d}" for number in range(1, 26)}
    assert len({place for _, place in places}) == 25


def test_the_language_switch_remembers_and_returns() -> None:
    answer = CLIENT.post("/taal", data={"lang": "en", "next": "/plekken?x=1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/plekken?x=1")
    assert "lang=en" in answer.headers["set-cookie"]
    assert CLIENT.post("/taal", data={"lang": "xx"}).status_code == 400
    assert CLIENT.post("/taal", content=b"\xff" * 100).status_code == 400
    assert CLIENT.post("/taal", content=b"a" * 9000).status_code == 413
    assert CLIENT.post("/taal", content=b"&".join([b"a=1"] * 99)).status_code == 400


@pytest.mark.parametrize("wish", ["https://x.example", "//x.example", "/\\x.example", "/\t/x", "x", "", "/a\r\nb"])
def test_the_switch_never_leads_off_site(wish: str) -> None:
    assert local_path(wish) == "/"
