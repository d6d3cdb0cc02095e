"""The browser fixtures do what tests lean on: people are apart, faults are heard, nobody phones out."""

import functools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error

from tests.browser import Person, Width, violations

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'"
PAGE = "<!doctype html><html lang=nl><title>Proef</title><main><h1>Proef</h1>{body}</main></html>"
PAGES = {
    "/good": "<p>Goed.</p>",
    "/bad": "<img src=/good><form><input></form>",
    "/inline": "<p>Een script dat niet mag.</p><script>document.title = 'kwaad'</script>",
    "/broken": "<p>Een script met een fout.</p><script src=/broken.js></script>",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        script = self.path == "/broken.js"
        body = "throw new Error('stuk')" if script else PAGE.format(body=PAGES.get(self.path, ""))
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
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
