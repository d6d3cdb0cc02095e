"""The screens before the competent authority, and an alarm's own part, as a browser shows them at both widths."""

import re
from datetime import timedelta

from sqlmodel import select

from nrm import policy
from nrm.access.rules import OrganisationKind, Role
from nrm.escalation.models import RaisedEscalation
from tests.browser import Person
from tests.builders import DEADLINES_ALONE, town
from tests.site import Site, Visitor, log_in, tick
from tests.web.test_asking_browser import inaccessible

RUNGS = (*DEADLINES_ALONE.lines[-1].rungs, policy.Rung(after_minutes=60, role="authority"))


def test_nothing_is_inaccessible_or_too_wide(sqlite_url: str, site: Site, person: Person) -> None:
    here = town(sqlite_url, ladder=DEADLINES_ALONE.model_copy(update={"lines": (policy.LadderLine(rungs=RUNGS),)}))
    here.duty_officer(), here.coordinator(), here.national_desk()
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.request(here.actor("coordinator-VR17"))
    for minutes in (60, 180):
        here.clock.turn(minutes=minutes)
        tick(here)
    with here.database.reading() as tx:
        raised_id = tx.session.exec(select(RaisedEscalation.id)).one()
    moment = (here.clock.at + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")
    asked = {"authority": "GM0599", "question": "make_places", "answer_due_at": moment, "version": "1"}
    address = site(here, worker=False)
    wrong: list[str] = []

    def look(login: str, *paths: str) -> None:
        page = person(base_url=address, width=390)
        log_in(page, login)
        for path in paths:
            answer = page.goto(path)
            assert answer
            assert answer.ok, path
            for block in page.locator("details").all():
                block.evaluate("block => { block.open = true }")
            wrong.extend(f"{login} {found}" for found in inaccessible(page, path))

    look("piket", "/piket", "/landelijk")
    authorities = "/gezag/lijst"
    look("national_coordinator", "/gezag", f"/gezag/{raised_id}", "/gezag/nieuw?regio=VR17", authorities)
    nac = Visitor(here, "national_coordinator")
    [first, *_] = re.findall(rf'href="({authorities}/[^"]+)"', nac.get(authorities).text)
    nac.post(f"/gezag/{raised_id}/voorleggen", **asked)
    look("national_coordinator", f"/gezag/{raised_id}", first)
    here.database.close()
    assert wrong == []
