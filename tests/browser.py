"""People with a browser: the distribution's Chromium, driven by Playwright, and axe to ask what is inaccessible.

    def test_offer(person, site):                     # `site`: whatever starts the system and yields its address
        coordinator, provider = person(base_url=site), person(base_url=site, width=390)
        coordinator.goto("/login")
        assert violations(coordinator) == []

Each person has a browser context of their own, so nothing (cookies, storage, cache) is shared. An uncaught script
error or anything the content security policy had to stop fails the test at its end.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

from tests import environment
from tests.environment import MissingError

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asks for anything elsewhere is a fault: let it fail at once rather than wait for a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

Width = Literal[1440, 390]
WIDTHS: tuple[Width, ...] = (1440, 390)
HEIGHTS: dict[Width, int] = {1440: 900, 390: 844}


class Person(Protocol):
    """Opens a new person's browser and returns its page. `base_url` is what relative addresses stand under."""

    def __call__(
        self,
        *,
        base_url: str | None = None,
        width: Width = 1440,
        locale: str = "nl-NL",
        color_scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
    ) -> Page: ...


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser itself, one per worker. Ask for `person`."""
    try:
        executable = environment.chromium()
    except MissingError as missing:
        environment.skip(missing)
    playwright: Playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=ARGUMENTS, chromium_sandbox=not environment.as_root()
        )
        yield browser
        browser.close()


@pytest.fixture
def person(chromium: Browser) -> Iterator[Person]:
    """People for this test; their browsers close with it."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    def open_browser(
        *,
        base_url: str | None = None,
        width: Width = 1440,
        locale: str = "nl-NL",
        color_scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
    ) -> Page:
        context = chromium.new_context(
            base_url=base_url,
            viewport={"width": width, "height": HEIGHTS[width]},
            has_touch=width == 390,
            locale=locale,
            timezone_id="Europe/Amsterdam",
            color_scheme=color_scheme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.on("console", hear)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        return context.new_page()

    yield open_browser
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


def each_width(page: Page) -> Iterator[Width]:
    """The page as it stands, as wide as it is and then as the other width shows it; afterwards as it was.

    One walk is then enough for both: nothing but the style sheets asks how wide the screen is, or whether it is touched
    (tests/house/test_assets.py). Seen from the top, because what is half behind a bar is no target.
    """
    given = page.viewport_size
    assert given is not None
    for width in sorted(WIDTHS, key=lambda width: width != given["width"]):
        if width != given["width"]:
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        page.evaluate("scrollTo(0, 0)")
        yield width
    page.set_viewport_size(given)


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it now stands, one line per rule with its elements, and doubled ids.

    The debugger injects the script, so the page keeps its content security policy while it is examined.
    """
    examine = "options => 'axe' in window ? axe.run(document, options) : null"
    # No selectors: we name an element by its own words, and each selector is sought through the whole page.
    options = {"runOnly": AXE_TAGS, "resultTypes": ["violations"], "selectors": False}
    found = page.evaluate(examine, options)
    if found is None:
        # Half a megabyte, dear to hand over: once for the page as it stands, and once for every page that follows here.
        page.context.add_init_script(_axe())
        page.evaluate(_axe())
        found = page.evaluate(examine, options)
    lines = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: " + " | ".join(node["html"] for node in rule["nodes"])
        for rule in found["violations"]
    ]
    # To axe, two of a name are for a person to look at. To us, one of them gets the other's label or place.
    doubled = page.evaluate("""() => [...Map.groupBy(document.querySelectorAll("[id]"), one => one.id)]
        .filter(([, those]) => those.length > 1)
        .map(([, those]) => those.map(one => one.cloneNode().outerHTML).join(" | "))""")
    return lines + [f"doubled-id: {those}" for those in doubled]


@functools.cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")
