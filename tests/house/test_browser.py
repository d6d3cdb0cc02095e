"""The browser fixtures do what tests lean on: people are apart, faults are heard and seen, nobody phones out."""

import functools
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error, Page

from tests.browser import HEIGHTS, WIDTHS, Person, Width, each_width, violations
from tests.house.sources import ROOT

POLICY = "default-src 'none'; script-src 'self'; img-src 'self'; style-src 'self'"
PAGE = "<!doctype html><html lang=nl><title>Proef</title><main><h1>Proef</h1>{body}</main></html>"
PAGES = {
    "/good": "<p>Goed.</p>",
    "/bad": "<img src=/good><form><input></form>",
    "/doubled": "<p id=een>Een.</p><p id=twee>Twee.</p><p id=een>Nog een.</p>",
    "/inline": "<p>Een script dat niet mag.</p><script>document.title = 'kwaad'</script>",
    "/broken": "<p>Een script met een fout.</p><script src=/broken.js></script>",
}
FAULTS = {
    "color-contrast": "<p style='color: #aaa'>Grijs op wit.</p>",
    "label": "<input>",
    "target-size": "<button style='width: 9px'>a</button><button style='width: 9px'>b</button>",
    "aria-valid-attr-value": "<button aria-expanded=soms>Zo</button>",
    "scrollable-region-focusable": "<div style='height: 20px; overflow: auto'><p>Hoog.</p><p>Hoger.</p></div>",
    "too wide": "<table style='width: 1600px'><tr><td>Breed</table>",
}
"""By the rule that has to find it: what is wrong as soon as it is shown."""
ONLY = {1440: "(max-width: 800px)", 390: "(min-width: 800px)"}
"""Where a fault of one width is not shown. As a style of the page, which the policy of these pages lets through."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        script = self.path == "/broken.js"
        body = "throw new Error('stuk')" if script else PAGE.format(body=PAGES.get(self.path, ""))
        if found := re.fullmatch("/fault/([0-9]+)/([0-9]+)", self.path):
            width, fault = int(found[1]), [*FAULTS.values()][int(found[2])]
            hidden = f"<style>button {{ padding: 0 }} @media {ONLY[width]} {{ #fault {{ display: none }} }}</style>"
            body = PAGE.format(body=f"{hidden}<div id=fault>{fault}</div>")
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", f"{POLICY} 'unsafe-inline'" if found else POLICY)
        self.send_header("Set-Cookie", "seen=1")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.05))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_runs_under_a_strict_policy(person: Person, site: str, width: Width) -> None:
    page = person(base_url=site, width=width)
    page.goto("/good")
    assert violations(page) == []
    assert page.evaluate("innerWidth") == width


def test_axe_finds_planted_faults(person: Person, site: str) -> None:
    page = person(base_url=site)
    page.goto("/bad")
    found = {line.split(" ")[0] for line in violations(page)}
    assert found >= {"image-alt", "label"}


def test_two_of_one_id_are_found(person: Person, site: str) -> None:
    page = person(base_url=site)
    page.goto("/doubled")
    assert violations(page) == ['doubled-id: <p id="een"></p> | <p id="een"></p>']


@pytest.mark.parametrize("width", WIDTHS)
def test_a_fault_of_one_width_is_seen_at_that_width_alone(person: Person, site: str, width: Width) -> None:
    """Whichever the walk is made at: the other one is looked at too, and the page is as it was afterwards."""
    for at in WIDTHS:
        page = person(base_url=site, width=at)
        for number, rule in enumerate(FAULTS):
            page.goto(f"/fault/{width}/{number}")
            seen = {shown: faults(page) for shown in each_width(page)}
            assert {shown for shown, found in seen.items() if rule in found} == {width}, (rule, seen)
            assert page.viewport_size == {"width": at, "height": HEIGHTS[at]}


def faults(page: Page) -> set[str]:
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return {line.split(" ")[0] for line in violations(page)} | ({"too wide"} if wide else set())


ASKS_FOR_THE_SCREEN = re.compile(
    r"matchMedia|inner(Width|Height)|(client|offset|scroll)Width|visualViewport|ResizeObserver|maxTouchPoints|ontouch"
    r"|touchstart|['\"]resize['\"]|\bscreen\."
)


def test_nothing_but_style_sheets_asks_for_the_width_and_nothing_for_touch() -> None:
    """What lets one walk stand for both widths: a page that is made narrow is the page that was opened narrow."""
    static = ROOT / "web" / "static"
    ours = [path for path in static.rglob("*.js") if "vendor" not in path.parts]
    assert ours
    assert [path.name for path in ours if ASKS_FOR_THE_SCREEN.search(path.read_text(encoding="utf-8"))] == []
    sheets = [path.read_text(encoding="utf-8") for path in static.rglob("*.css")]
    assert sheets
    assert [sheet[:80] for sheet in sheets if re.search(r"@media[^{]*\b(pointer|hover)\b", sheet)] == []


@pytest.mark.parametrize("script", ["matchMedia('(max-width: 40em)').matches", "addEventListener('resize', draw)"])
def test_a_script_that_asks_is_found(script: str) -> None:
    assert ASKS_FOR_THE_SCREEN.search(script)


def test_people_share_nothing(person: Person, site: str) -> None:
    one, other = person(base_url=site), person(base_url=site)
    one.goto("/good")
    assert [cookie["name"] for cookie in one.context.cookies()] == ["seen"]
    assert other.context.cookies() == []


@pytest.mark.usefixtures("chromium")  # only for its skip when there is no browser
@pytest.mark.parametrize("path", ["/inline", "/broken"])
def test_a_planted_script_fault_fails_the_test(pytester: pytest.Pytester, site: str, path: str) -> None:
    """Run a small test that looks at a faulty page and asserts nothing: it must fail all the same."""
    pytester.makeconftest("pytest_plugins = ['tests.browser']")
    pytester.makepyfile(f"def test_it(person):\n    person().goto({site + path!r})\n")
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    outcome.assert_outcomes(passed=1, errors=1)


def test_nobody_phones_out(person: Person) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        person().goto("http://nrm.example/")
