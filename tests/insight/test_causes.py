"""Why there is no place: one main cause each, kept with the case; the parts are exactly the whole."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest
from sqlmodel import col, select

from nrm import journal
from nrm.access import service as access
from nrm.access.rules import OrganisationKind, Role
from nrm.escalation import service as escalation
from nrm.insight import queries, rules, service
from nrm.insight.models import PictureState, UnmetCause
from nrm.insight.queries import Causes
from nrm.insight.rules import Asked, Cause, Waiting, explained, split
from nrm.intake.models import PlacementRequest
from nrm.intake.rules import Outcome
from nrm.placing import service as placing
from nrm.placing import staying
from nrm.placing.rules import OfferStatus
from nrm.registry.rules import Stance
from tests.builders import Town, town
from tests.insight.play import close, play
from tests.site import Visitor
from tests.web.test_watching_pages import cells


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.duty_officer()
    yield made
    made.database.close()


def now(here: Town) -> dict[Cause, int]:
    """What the picture says after the worker looked, a second later."""
    here.clock.turn(seconds=1)
    here.match()
    service.keep(here.database)
    return parts(waiting(here))


def parts(found: Causes) -> dict[Cause, int]:
    return {part.cause: part.requests for part in found.parts}


def waiting(here: Town, region: str | None = None) -> Causes:
    with here.database.reading() as tx:
        return queries.waiting_causes(tx, region)


def ended(here: Town, days: int = 28) -> Causes:
    with here.database.reading() as tx:
        return queries.ended_causes(tx, tx.now - timedelta(days=days))


def kept(here: Town, request_id: str) -> list[tuple[str, str, str | None]]:
    """What is on record of one request, oldest first."""
    with here.database.reading() as tx:
        rows = tx.session.exec(
            select(UnmetCause).where(UnmetCause.request_id == request_id).order_by(col(UnmetCause.since))
        )
        return [(row.cause, row.detail, row.outcome) for row in rows]


SHUT = {"units": 1, "places": 3, "free": 3, "alone": 0}


@pytest.mark.parametrize(
    ("found", "cause", "detail"),
    [
        (Waiting(), Cause.NOT_LOOKED, ""),
        (Waiting(minor_alone=True, sought=True), Cause.YOUTH_CARE, ""),
        (Waiting(sought=True), Cause.NO_PLACE, ""),
        (Waiting(sought=True, proposed=("stale", "aging")), Cause.NOT_ASKED, ""),
        (Waiting(sought=True, proposed=("stale", "unknown")), Cause.STALE_FIGURES, ""),
        (Waiting(sought=True, asking=True), Cause.NO_ANSWER, ""),
        (Waiting(sought=True, asking=True, nobody_authorised=True), Cause.NO_AUTHORITY, ""),
        (Waiting(sought=True, shut_out=[{**SHUT, "code": "dates", "free": 0}]), Cause.NO_PLACE, ""),
        # What alone keeps free places away comes before what does so with others, however many those are.
        (
            Waiting(
                sought=True,
                shut_out=[
                    {**SHUT, "code": "pool", "free": 90},
                    {**SHUT, "code": "excludes:addiction", "alone": 1},
                    {**SHUT, "code": "dates", "free": 0},
                ],
            ),
            Cause.NO_SUITABLE_PLACE,
            "excludes:addiction",
        ),
        (Waiting(sought=True, shut_out=[{**SHUT, "code": "safety", "alone": 2}]), Cause.UNSAFE, ""),
        (
            Waiting(sought=True, shut_out=[{**SHUT, "code": "sex", "alone": 9}, {"code": "capacity", "units": 1}]),
            Cause.NO_PLACE,
            "",
        ),
        (
            Waiting(
                sought=True,
                shut_out=[{**SHUT, "code": "barred:declined", "alone": 3}],
                asked=[Asked(OfferStatus.DECLINED, "group_balance"), Asked(OfferStatus.LAPSED, None)],
            ),
            Cause.DECLINED,
            "group_balance",
        ),
        (
            Waiting(
                sought=True,
                shut_out=[{**SHUT, "code": "barred:declined", "alone": 3}],
                asked=[Asked(OfferStatus.LAPSED, None)],
            ),
            Cause.NO_ANSWER,
            "",
        ),
    ],
)
def test_which_cause_is_the_main_one(found: Waiting, cause: Cause, detail: str) -> None:
    assert (explained(found).cause, explained(found).detail) == (cause, detail)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_split_adds_up_and_holds_nothing_small(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - not for secrets
    counts = {f"rule-{number}": chance.choice((0, 1, 2, 4, 5, 6, 30)) for number in range(chance.randint(0, 7))}
    found = split(counts)
    assert sum(count for _, count in found.shown) + found.rest == sum(counts.values())
    assert all(count >= rules.SMALL for _, count in found.shown)
    assert found.rest == 0 or found.rest >= rules.SMALL or not found.shown


def test_a_small_world_cause_by_cause(here: Town) -> None:
    """Every cause once, as it comes about through the real services."""
    coordinator, provider = here.coordinator(), here.provider()
    first = here.request(coordinator)
    service.keep(here.database)
    assert parts(waiting(here)) == {Cause.NOT_LOOKED: 1}
    assert now(here) == {Cause.NO_PLACE: 1}, "there is no house at all"
    house = here.location(places=(1,), stances={"addiction": Stance.EXCLUDES})
    assert now(here) == {Cause.NOT_ASKED: 1}
    offer = here.offer(coordinator, first)
    assert now(here) == {Cause.NO_ANSWER: 1}
    addicted = here.request(coordinator, facts={"addiction": "yes"}, urgency="planned")
    here.request(coordinator, persons=[{"sex": "f", "age": 16}])
    assert now(here) == {Cause.NO_ANSWER: 1, Cause.NO_PLACE: 1, Cause.YOUTH_CARE: 1}, "the only bed is held"
    with here.database.transaction(provider.account_id) as tx:
        placing.decline(tx, provider, offer, "group_balance")
    assert now(here) == {Cause.DECLINED: 1, Cause.NO_SUITABLE_PLACE: 1, Cause.YOUTH_CARE: 1}
    unsafe = here.request(coordinator, unsafe=[{"region": "VR13", "reason": "network"}])
    found = now(here)
    assert found[Cause.UNSAFE] == 1
    close(here, coordinator, first, Outcome.NO_PLACE)
    close(here, coordinator, unsafe, Outcome.LOST_CONTACT)
    now(here)
    assert parts(ended(here)) == {Cause.DECLINED: 1, Cause.WITHDRAWN: 1}
    assert kept(here, first)[-1] == ("declined", "group_balance", "no_place")
    assert kept(here, unsafe)[-1] == ("withdrawn", "lost_contact", "lost_contact")
    assert kept(here, addicted)[-1] == ("no_suitable_place", "excludes:addiction", None)
    here.location(region="VR20", places=(1,), confirmed_minutes_ago=None, pool="COSM")
    here.request(coordinator, residence="none", facts={"addiction": "no"})
    assert now(here)[Cause.STALE_FIGURES] >= 1
    assert [cause for cause, _, _ in kept(here, first)] == [
        *("not_looked", "no_place", "not_asked", "no_answer", "declined", "declined")
    ]
    with here.database.reading() as tx:
        entries = journal.of_subject(tx.session, f"unmet:{first}")
        written = [entry for entry in entries if entry.kind == service.CAUSE_CHANGED]
        (last,) = [row for row in tx.session.exec(select(UnmetCause)) if row.request_id == first and row.outcome]
    assert len(written) == 6, "each change has its journal entry"
    assert {"barred:declined", "declined:group_balance"} <= {str(one["code"]) for one in last.blockers}
    assert house not in str(last.blockers), "no house is named"


def test_nobody_who_may_decide_can_be_reached(here: Town) -> None:
    here.location(pool="COSM")
    officer = here.duty_officer()
    coordinator = here.coordinator()
    request_id = here.request(coordinator, residence="none")
    here.match()
    here.offer(coordinator, request_id)
    with here.database.transaction(officer.account_id) as tx:
        access.end_shift(tx, officer)
    escalation.run_due(here.database)
    assert now(here) == {Cause.NO_AUTHORITY: 1}


def test_a_place_ends_the_cause_and_not_coming_begins_one(here: Town) -> None:
    here.location(places=(1,))
    coordinator, provider = here.coordinator(), here.provider()
    request_id, stay_id = here.placed(coordinator, provider)
    assert now(here) == {}
    with here.database.transaction(provider.account_id) as tx:
        staying.not_arrived(tx, provider, stay_id, 1)
    assert now(here) == {Cause.NOT_ASKED: 1}
    assert kept(here, request_id)[-1] == ("not_asked", "", None)


def test_looking_again_writes_nothing_and_reading_starts_where_it_ended(here: Town) -> None:
    here.request(here.coordinator())
    here.match()
    assert service.keep(here.database) == 1
    assert service.keep(here.database) == 0
    with here.database.reading() as tx:
        state, last = tx.session.get(PictureState, 1), journal.last_seq(tx.session)
    assert state is not None
    assert state.seq == last


def test_at_every_moment_the_parts_are_the_whole(sqlite_url: str) -> None:
    """Anybody does anything; whatever the worker did or did not get to, every open request counts once."""
    here = town(sqlite_url)
    for _ in play(here, seed=7, deeds=40):
        with here.database.reading() as tx:
            rows = list(tx.session.exec(select(PlacementRequest)))
            open_now = Counter(row.region_code for row in rows if row.status in {"open", "offered"})
        assert waiting(here).requests == sum(open_now.values())
        for region in ("VR13", "VR17"):
            assert waiting(here, region).requests == open_now[region]
    service.keep(here.database)
    with here.database.reading() as tx:
        rows = list(tx.session.exec(select(PlacementRequest)))
    failed = [row for row in rows if row.status == "closed" and row.outcome in rules.FAILED_OUTCOMES]
    assert failed
    assert ended(here).requests == len(failed)
    here.database.close()


def test_the_page_adds_up_and_says_nothing_small_of_persons(sqlite_url: str) -> None:
    here = town(sqlite_url)
    here.location(places=(9,), stances={"addiction": Stance.EXCLUDES, "trauma": Stance.EXCLUDES})
    coordinator = here.coordinator()
    for _ in range(6):
        here.request(coordinator, facts={"addiction": "yes"})
    here.request(coordinator, facts={"trauma": "yes"})
    here.request(coordinator, persons=[{"sex": "f", "age": 16}])
    other = here.request(here.coordinator("VR13"), region="VR13")
    now(here)
    here.clock.turn(minutes=61)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.COORDINATOR_REGIONAL, OrganisationKind.CHAIN_DIRECTION, "VR13")
    nac = Visitor(here, Role.NATIONAL_COORDINATOR)
    page = nac.get("/landelijk/oorzaken").text
    assert cells(page, "oorzaak-no_suitable_place")[1:] == ["7", "7", "0"]
    assert cells(page, "oorzaak-not_asked")[1:] == ["1", "1", "0"]
    assert cells(page, "oorzaak-other")[1:] == ["1", "1", "0"]
    assert "Samen: 9 wachten nu, waarvan 9 te laat; 0 eindigden in 28 dagen zonder plek." in page
    assert "Welke regel, welk nee" not in page, "six and one would tell of the one"
    assert "<b>6</b> Kan hier niet: verslaving" in page
    assert "trauma" not in page.split('id="alles"')[1].lower()
    assert other not in page
    own = Visitor(here, Role.COORDINATOR_REGIONAL).get("/landelijk/oorzaken?dagen=366").text
    assert "Samen: 1 wachten nu" in own
    assert "Kan hier niet" not in own
    assert nac.get("/landelijk/oorzaken/deel?dagen=onzin").status_code == 200
    here.database.close()
