"""The pages of an exercise: each says that it is one, and only its leader leads it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO

import pytest
from fastapi.routing import iter_route_contexts
from pypdf import PdfReader

from nrm.access.rules import OrganisationKind, Role
from nrm.api import Parts
from nrm.exercise.models import Exercise, ExerciseStep
from nrm.exercise.rules import StepKind
from nrm.notify import service as notify
from nrm.notify.models import ContactPoint
from nrm.settings import Settings
from tests.access.cast import ACTORS, Cast, cast
from tests.builders import KEY, PASSWORD, Town, town
from tests.client import Calls
from tests.site import HOST, Visitor
from web.app import create_app

BANNER = "Oefening – dit is niet echt."
IN_ENGLISH = "Exercise – this is not real."
"""On a page whose address is in English."""
SETTINGS = Settings(host=HOST, worker=False, exercise=True)


@pytest.fixture
def here(sqlite_url: str) -> Iterator[Town]:
    made = town(sqlite_url)
    yield made
    made.database.close()


def practise(here: Town) -> None:
    """Make the town an exercise with a leader and one step, as it stands."""
    leader = here.account("oefenleider", Role.EXERCISE_LEADER, here.organisation("beheer", OrganisationKind.OPERATIONS))
    assert leader
    with here.database.transaction() as tx:
        tx.session.add(Exercise(seed=1, clock_at=tx.now, starts_at=tx.now))
        due_at = tx.now + timedelta(minutes=5)
        tx.session.add(ExerciseStep(number=1, kind=StepKind.OUTAGE, lasts_minutes=5, due_at=due_at))


class Guest(Visitor):
    """A visitor of an exercise."""

    def __init__(self, here: Town, login: str) -> None:
        app = create_app(Parts(here.database, SETTINGS, KEY))
        self.client = Calls(app, f"http://{HOST}")
        answer = self.client.post("/api/v1/session", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.csrf = answer.json()["csrf"]


def test_every_page_says_that_it_is_an_exercise(here: Town) -> None:
    """Generated: every route, with every name in its path filled in from a case in every state, as everybody."""
    made = cast(here)
    practise(here)
    app = create_app(Parts(here.database, SETTINGS, KEY))
    paths = sorted(
        {
            str(route.path)
            for route in iter_route_contexts(app.routes)
            if "GET" in (getattr(route, "methods", None) or ()) and not str(route.path).startswith(("/api/", "/static"))
        }
    )
    shown: set[str] = set()
    papers: set[str] = set()
    missing: list[str] = []
    guests = [Guest(here, login) for login in ("oefenleider", *ACTORS.values())]
    for path in (*paths, "/bestaat-niet"):
        for guest in guests:
            for address in addresses(path, made):
                answer = guest.get(address)
                kind = answer.headers.get("content-type", "")
                if kind == "application/pdf":
                    papers.add(path)
                    assert BANNER in PdfReader(BytesIO(answer.content)).pages[0].extract_text()
                elif kind.startswith("text/html") and "<html" in answer.text:
                    if BANNER not in answer.text and IN_ENGLISH not in answer.text:
                        missing.append(address)
                    if answer.status_code == 200:
                        shown.add(path)
                if answer.status_code in {200, 303, 403}:
                    break  # shown, or not for this role whatever it is about
            if path in shown | papers:
                break
    stranger = Calls(app, f"http://{HOST}")
    for path in ("/inloggen", "/controle/geen-link", "/bestaat-niet"):
        assert BANNER in stranger.get(path).text, path
    assert missing == []
    assert len(shown) > 70, sorted(shown)
    assert papers >= {"/oefening/verslag.pdf", "/ochtend/{handover_id}/lijst.pdf"}
    plain = Visitor(town_in_earnest(here), "coordinator-VR17")
    assert BANNER not in plain.get("/aanvragen").text


def town_in_earnest(here: Town) -> Town:
    """The same town, no exercise any more."""
    with here.database.transaction() as tx:
        tx.session.delete(tx.session.get_one(Exercise, 1))
    return here


def addresses(path: str, made: Cast) -> list[str]:
    """A path with whatever the name in it may stand for filled in, each once; as it is when there is none."""
    names = re.findall(r"\{([a-z_]+)[^}]*\}", path)
    if not names:
        return [path]
    kind = names[0].removesuffix("_id")
    if kind == "request":
        fitting = [made.ids[name] for name in made.short_codes if name in made.ids]
    elif kind == "code":
        fitting = list(made.short_codes.values())
    else:
        fitting = [id for name, id in made.ids.items() if kind in name]
    return [re.sub(r"\{[^}]+\}", id, path) for id in dict.fromkeys([*fitting, "nergens"])]


def test_only_the_leader_leads_and_nobody_does_in_earnest(here: Town) -> None:
    here.coordinator(), here.duty_officer()
    earnest = Visitor(here, "coordinator-VR17")
    for path in ("/oefening", "/oefening/verslag"):
        assert earnest.get(path).status_code == 403
    assert earnest.get("/oefening/berichten").status_code == 404
    practise(here)
    leader, other = Guest(here, "oefenleider"), Guest(here, "piket")
    for path in ("/oefening", "/oefening/deel", "/oefening/verslag", "/oefening/verslag.pdf"):
        assert other.get(path).status_code == 403, path
        assert leader.get(path).status_code == 200, path
    for path in ("start", "tempo", "verder", "erbij", "huis/org-x", "einde"):
        assert other.post(f"/oefening/{path}").status_code == 403, path
    assert "nog niet begonnen" in leader.after(leader.post("/oefening/verder"))
    assert "De nacht is begonnen" in leader.after(leader.post("/oefening/start"))
    assert "loopt zoals u wilt" in leader.after(leader.post("/oefening/tempo", pace="5"))
    assert "5 keer zo snel" in leader.get("/oefening/deel").text
    leader.after(leader.post("/oefening/tempo", pace="7"))
    assert "5 keer zo snel" in leader.get("/oefening/deel").text, "only what can be chosen"
    assert "tot de volgende stap" in leader.after(leader.post("/oefening/verder"))
    assert "Onderweg naar" in leader.get("/oefening/deel").text
    assert "Het gebeurt nu" in leader.after(leader.post("/oefening/erbij", kind="minor_alone"))
    assert "Een meisje van 15" in leader.get("/oefening/deel").text
    assert "afgelopen" in leader.after(leader.post("/oefening/einde"))


def test_everybody_sees_and_answers_what_their_own_phone_would_have_done(here: Town) -> None:
    officer = here.duty_officer()
    here.coordinator()
    practise(here)
    with here.database.transaction() as tx:
        point = ContactPoint(
            id="p1", account_id=officer.account_id, kind="sms", address="+31000000001", position=1, added_at=tx.now
        )
        tx.session.add(point)
        tx.session.flush()
        notify.queue(tx, "k", "card:x", "sms", point.address, "Alarm: KR 4820", "Log in.", officer.account_id, "p1")
    with here.database.transaction() as tx:
        message = notify.queries.about(tx, "card:x")[0]
        message.sent_at, message.tries, message.due_at = tx.now, 1, None
        tx.session.add(message)
    duty, other, leader = (Guest(here, login) for login in ("piket", "coordinator-VR17", "oefenleider"))
    assert "KR 4820" in leader.get("/oefening/berichten").text
    assert "Neem op" not in leader.get("/oefening/berichten").text
    assert "KR 4820" not in other.get("/oefening/berichten").text
    assert other.post(f"/oefening/berichten/{message.id}/opnemen").status_code == 404
    assert "Neem op" in duty.get("/oefening/berichten").text
    page = duty.after(duty.post(f"/oefening/berichten/{message.id}/opnemen"))
    assert "Opgenomen." in page
    assert "Neem op" not in page
