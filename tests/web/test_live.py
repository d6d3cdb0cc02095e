"""The live line in a real browser: nothing missed, nothing taken from under a person's hands."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Person, each_width, violations
from tests.web.line import Line


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    with line.serve():
        yield line


@pytest.fixture
def page(line: Line, person: Person) -> Page:
    page = person(base_url=line.address)
    page.goto("/bord")
    expect(page.locator("[data-live-text]")).to_have_text("live verbonden")
    return page


def test_a_hint_refetches_only_what_it_is_about(line: Line, page: Page) -> None:
    line.change("board", "<p>twee</p>")
    expect(page.locator("#board")).to_have_text("twee")
    assert line.fetches == ["board"]


def test_a_burst_is_merged_and_its_end_is_shown(line: Line, page: Page) -> None:
    line.slow_seconds = 0.2
    for number in range(40):
        line.change("board", f"<p>stand {number}</p>")
    expect(page.locator("#board")).to_have_text("stand 39")
    assert len(line.fetches) <= 5


def test_a_hint_during_a_fetch_fetches_once_more(line: Line, page: Page) -> None:
    line.slow_seconds = 0.5
    line.change("board", "<p>oud</p>")
    page.wait_for_timeout(350)  # the fetch has read "oud" and is on its way back
    assert line.fetches == ["board"]
    line.change("board", "<p>nieuw</p>")
    expect(page.locator("#board")).to_have_text("nieuw")


def test_what_happened_while_the_line_was_gone_is_shown(line: Line, page: Page) -> None:
    line.accept = False
    line.cut()
    expect(page.locator("[data-live-text]")).to_contain_text("Verbinding weg, we proberen opnieuw.")
    assert "is-lost" in (page.locator("body").get_attribute("class") or "")
    line.change("board", "<p>gemist</p>", hint=False)
    line.accept = True
    expect(page.locator("#board")).to_have_text("gemist")
    expect(page.locator("[data-live-text]")).to_have_text("live verbonden")
    assert line.afters[-1] == 10


def test_it_resumes_from_the_last_number_it_heard(line: Line, page: Page) -> None:
    line.change("board", "<p>twee</p>")
    expect(page.locator("#board")).to_have_text("twee")
    line.cut()
    page.wait_for_timeout(1500)
    assert line.afters == [10, 11]


def test_resync_and_unreadable_frames_fetch_everything(line: Line, page: Page) -> None:
    line.say({"type": "resync", "seq": 900})
    page.wait_for_timeout(500)
    assert sorted(line.fetches) == ["board", "other"]
    line.say("not json")
    page.wait_for_timeout(500)
    assert sorted(line.fetches) == ["board", "board", "other", "other"]
    line.say({"type": "ping"})
    page.wait_for_timeout(400)
    assert len(line.fetches) == 4


def test_a_failing_fetch_is_tried_again(line: Line, page: Page) -> None:
    line.status = 503
    line.change("board", "<p>twee</p>")
    page.wait_for_timeout(400)
    line.status = 200
    expect(page.locator("#board")).to_have_text("twee")


def test_half_typed_text_is_kept_and_the_news_offered(line: Line, page: Page) -> None:
    form = '<form><label>naam <input id="n" name="n" value=""></label></form>'
    line.change("board", f"{form}<p>een</p>")
    expect(page.locator("#n")).to_be_visible()
    page.fill("#n", "half ge")
    line.change("board", f"{form}<p>twee</p>")
    news = page.get_by_role("button", name="Er is nieuws")
    expect(news).to_be_visible()
    expect(page.locator("#board p")).to_have_text("een")
    news.click()
    expect(page.locator("#board p")).to_have_text("twee")
    expect(page.locator("#n")).to_have_value("half ge")
    expect(news).to_have_count(0)


def test_news_comes_by_itself_when_the_person_is_done(line: Line, page: Page) -> None:
    form = '<label>naam <input id="n" name="n" value=""></label>'
    line.change("board", f"{form}<p>een</p>")
    page.focus("#n")
    line.change("board", f"{form}<p>twee</p>")
    expect(page.get_by_role("button", name="Er is nieuws")).to_be_visible()
    page.locator("#n").blur()
    expect(page.locator("#board p")).to_have_text("twee")


def rows(*names: str) -> str:
    return "".join(
        f'<div id="row-{name}"><button>Stuur {name}</button><details><summary>meer</summary>{name}</details></div>'
        for name in names
    )


def test_focus_and_open_details_move_with_their_row(line: Line, page: Page) -> None:
    line.change("board", rows("a", "b"))
    page.locator("#row-b summary").click()
    page.locator("#row-b button").focus()
    line.change("board", rows("x", "a", "b", "y"))
    expect(page.locator("#row-y")).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == "Stuur b"
    assert page.locator("#row-b details").get_attribute("open") is not None
    shown = page.locator("#board > div").evaluate_all("all => all.map((one) => one.id)")
    assert shown == ["row-x", "row-a", "row-b", "row-y"]


def test_nothing_moves_under_a_pressed_finger(line: Line, page: Page) -> None:
    line.change("board", rows("a"))
    page.locator("#row-a button").hover()
    page.mouse.down()
    line.change("board", rows("new", "a"))
    page.wait_for_timeout(700)
    expect(page.locator("#row-new")).to_have_count(0)
    page.mouse.up()
    expect(page.locator("#row-new")).to_be_visible()


def test_a_lost_login_leads_to_the_login_page(line: Line, page: Page) -> None:
    line.logged_in = False
    line.change("board", "<p>twee</p>")
    page.wait_for_url(re.compile(r"/inloggen\?next=%2Fbord$"))


def test_a_lost_login_throws_nothing_away_that_was_typed(line: Line, page: Page) -> None:
    line.change("board", '<label>Leeftijd <input id="age"></label>')
    page.locator("#age").fill("24")
    page.locator("h1").first.click()
    line.logged_in = False
    line.change("board", "<p>twee</p>")
    page.wait_for_timeout(700)
    assert page.url.endswith("/bord")
    expect(page.locator("#age")).to_have_value("24")
    page.locator("#age").fill("")
    page.wait_for_url(re.compile(r"/inloggen"))


def test_what_is_no_longer_ours_disappears(line: Line, page: Page) -> None:
    line.status = 404
    line.change("board", "<p>geheim</p>")
    expect(page.locator("#board")).to_have_text("Dit deel is er niet meer, of is niet meer voor u.")


def test_the_title_counts_what_waits(line: Line, page: Page) -> None:
    assert page.title().startswith("Bord")
    line.change("board", '<p data-live-count="3">drie</p>')
    expect(page).to_have_title(re.compile(r"^\(3\) Bord"))
    line.change("board", '<p data-live-count="0">geen</p>')
    expect(page).to_have_title(re.compile(r"^Bord"))


def test_the_countdown_ignores_a_wrong_clock(line: Line, person: Person) -> None:
    page = person(base_url=line.address)
    page.add_init_script("const real = Date.now; Date.now = () => real() + 36e5;")
    page.goto("/patronen")
    first = page.locator("[data-countdown-left]").nth(1)
    expect(first).to_have_text(re.compile(r"^nog 14:(30|29|28)$"))
    expect(first).to_have_text("nog 14:26")
    expect(page.locator("[data-countdown-left]").nth(4)).to_have_text("de plek is weer vrij")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_part_is_inaccessible_or_wider_than_the_screen(line: Line, person: Person, scheme: str) -> None:
    page = person(base_url=line.address, color_scheme=scheme)  # type: ignore[arg-type]
    for path in ("", "/formulier/leeg", "/formulier/ingevuld", "/formulier/fout", "/inloggen", "/fout/404"):
        page.goto(f"/patronen{path}")
        for width in each_width(page):
            seen = f"{path} {width}"
            assert violations(page) == [], seen
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), seen


def test_targets_are_large_enough_for_a_thumb(line: Line, person: Person) -> None:
    page = person(base_url=line.address, width=390)
    for path in ("", "/formulier/leeg", "/inloggen"):
        page.goto(f"/patronen{path}")
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, .choice, a.nl-button, select, .nav a, summary, input')]
            .filter((one) => !one.closest('.choice') || one.matches('.choice'))
            .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""
        )
        assert small == [], path
