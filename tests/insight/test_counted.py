"""The list behind a number: exactly the requests it counts, and each of them only for who may open it."""

from collections.abc import Iterator

import pytest
from sqlmodel import select

from nrm.access.models import ReadLog
from nrm.access.rules import OrganisationKind, Role
from nrm.insight import queries, service
from nrm.insight.counted import Figure, counted
from nrm.insight.rules import Cause, times
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from tests.builders import Town, town
from tests.insight.play import close
from tests.site import Visitor
from tests.web.test_watching_pages import cells


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.national_desk()
    yield made
    made.database.close()


def codes(here: Town, ids: list[str]) -> set[str]:
    with here.database.reading() as tx:
        return {tx.session.get_one(PlacementRequest, one).short_code for one in ids}


def test_a_number_leads_to_what_it_counts_for_whoever_may_open_it_and_for_nobody_else(here: Town) -> None:
    rotterdam, utrecht = here.coordinator("VR17"), here.coordinator("VR09")
    duty = here.duty_officer()
    mine = [here.request(rotterdam, urgency="now"), here.request(rotterdam, urgency="planned")]
    theirs = here.request(utrecht, urgency="now", region="VR09")
    ended = here.request(rotterdam, urgency="now")
    here.match()
    service.keep(here.database)
    close(here, rotterdam, ended, Outcome.NO_PLACE)
    here.clock.turn(hours=6)
    here.match()
    service.keep(here.database)

    # The list is of the same rows as the number.
    with here.database.reading() as tx:
        waiting = queries.waiting_causes(tx)
        assert len(counted(tx, Figure.WAITING, 28)) == waiting.requests == 3
        assert len(counted(tx, Figure.OVERDUE, 28)) == waiting.overdue == 2
        for part in waiting.parts:
            assert len(counted(tx, Figure.WAITING, 28, causes={part.cause})) == part.requests
            assert len(counted(tx, Figure.OVERDUE, 28, causes={part.cause})) == part.overdue
        assert counted(tx, Figure.ENDED, 28) == [ended]
        assert counted(tx, Figure.ENDED, 28, causes={Cause.DECLINED}) == []
        found = times(queries.courses_since(tx, tx.now.replace(year=2020), tx.now), tx.now)
        late = counted(tx, Figure.LATE, 28)
        assert set(late) == {mine[0], theirs, ended}
        assert len(late) == found.judged - found.within
        assert counted(tx, Figure.LATE, 28, "VR09") == [theirs]

    # A coordinator opens their own, whoever is on duty everybody's; each one shown is a logged read.
    own, other = codes(here, [*mine, ended]), codes(here, [theirs])
    page = Visitor(here, rotterdam.name).get("/landelijk/achter/unmet_waiting").text
    assert "telt 3 aanvragen; 2 daarvan mag u openen" in page
    assert codes(here, mine) == {one for one in own | other if one in page}
    with here.database.reading() as tx:
        reads = {
            row.subject for row in tx.session.exec(select(ReadLog).where(ReadLog.account_id == rotterdam.account_id))
        }
    assert reads == {f"request:{one}" for one in mine}
    assert codes(here, [ended]) == {
        one for one in own | other if one in Visitor(here, rotterdam.name).get("/landelijk/achter/unmet_ended").text
    }
    everybody = Visitor(here, duty.name).get("/landelijk/achter/within_norm").text
    assert {one for one in own | other if one in everybody} == codes(here, late)
    assert "Geen daarvan is van u." in Visitor(here, "loket").get("/landelijk/achter/overdue").text

    # Who reads numbers and no requests has no link and no list; what is no number is no page.
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR17")
    here.person(Role.MINISTRY, OrganisationKind.MINISTRY)
    here.provider("linde")
    for name in (Role.NATIONAL_COORDINATOR, Role.MUNICIPALITY, Role.MINISTRY, "linde"):
        someone = Visitor(here, name)
        for figure in Figure:
            assert someone.get(f"/landelijk/achter/{figure}").status_code == 403, (name, figure)
    for path in ("/landelijk", "/landelijk/oorzaken", "/landelijk/tijden"):
        assert "/landelijk/achter/" not in Visitor(here, Role.NATIONAL_COORDINATOR).get(path).text
        assert "/landelijk/achter/" in Visitor(here, "loket").get(path).text
    assert Visitor(here, "loket").get("/landelijk/achter/anders").status_code == 404
    assert Visitor(here, "loket").get("/landelijk/achter/overdue?oorzaak=anders").status_code == 404
    line = cells(Visitor(here, "loket").get("/landelijk/oorzaken").text, f"oorzaak-{Cause.NO_PLACE}")
    assert line[1].startswith("3")
