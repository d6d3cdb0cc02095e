"""What rules do: whom they shut out, alone and with others; past their review; where a question cost a scarce place."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlmodel import col, select

from nrm.access.rules import OrganisationKind, Role
from nrm.insight import rules, service
from nrm.insight import shut_outs as insight
from nrm.insight.models import CaseCourse, UnmetCause
from nrm.insight.shut_outs import Kept, ShutOut, ShutOuts, counted
from nrm.placing.models import ProposalSet
from nrm.placing.rules import Indication, indication
from nrm.registry import service as registry
from nrm.registry.models import AdmissionRule
from nrm.registry.rules import Stance
from tests.builders import Town, TurnedClock, town
from tests.site import Visitor
from tests.web.test_watching_pages import cells

CRITERIA = ("addiction", "trauma", "psychiatric")
MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url, TurnedClock(MORNING))
    made.duty_officer()
    yield made
    made.database.close()


def found(here: Town, region: str | None = None) -> ShutOuts:
    here.clock.turn(seconds=1)
    here.match()
    service.keep(here.database)
    with here.database.reading() as tx:
        return insight.shut_outs(tx, tx.now - timedelta(days=28), tx.now + timedelta(seconds=1), region)


def row(request_id: str, cause: str, detail: str, *blockers: tuple[str, int, int]) -> Kept:
    listed = [{"code": code, "units": 1, "places": 9, "free": free, "alone": alone} for code, free, alone in blockers]
    return request_id, cause, detail, listed


def test_each_request_counts_once_per_rule_alone_wherever_it_was_alone_once() -> None:
    addiction, trauma = "excludes:addiction", "excludes:trauma"
    rows = [
        row("a", "no_suitable_place", addiction, (addiction, 3, 1), (trauma, 2, 0), ("safety", 9, 9)),
        row("a", "no_place", "", (addiction, 3, 0), (trauma, 2, 0)),
        row("b", "no_place", "", (addiction, 0, 0), (trauma, 2, 0), ("dates", 0, 0)),
        row("c", "no_place", "", ("sex", 4, 4)),
    ]
    assert counted(rows) == ShutOuts(
        3,
        (ShutOut(trauma, 0, 2, 0), ShutOut(addiction, 1, 0, 1), ShutOut("sex", 1, 0, 0)),
    )
    assert [one.code for one in counted(rows).others] == ["sex"]


@pytest.mark.parametrize(
    ("facts", "known"),
    [
        ({}, Indication.UNKNOWN),
        ({"addiction": "no"}, Indication.UNKNOWN),
        ({"addiction": "no", "trauma": "no", "struck": "unknown"}, Indication.NO),
        ({"addiction": "yes"}, Indication.YES),
        ({"struck": "yes", "addiction": "no", "trauma": "no"}, Indication.NO),
    ],
)
def test_what_is_known_of_somebody(facts: dict[str, str], known: Indication) -> None:
    assert indication(facts, ["addiction", "trauma"]) is known


def test_alone_together_and_not_for_whom_there_was_a_place(here: Town) -> None:
    coordinator = here.coordinator()
    here.location(places=(1,), stances={"addiction": Stance.EXCLUDES, "trauma": Stance.EXCLUDES})
    both = here.request(coordinator, facts={"addiction": "yes", "trauma": "yes"})
    one = here.request(coordinator, facts={"addiction": "yes"})
    counts = {each.code: each for each in found(here).contra}
    assert counts["excludes:addiction"] == ShutOut("excludes:addiction", 1, 1, 1)
    assert counts["excludes:trauma"] == ShutOut("excludes:trauma", 0, 1, 1)
    # The same codes as before, and now one of them alone keeps a bed from somebody: that is written down anew.
    here.location(places=(1,), stances={"trauma": Stance.EXCLUDES}, sexes=("f",))
    here.location(region="VR01", places=(1,), stances={"trauma": Stance.EXCLUDES, "addiction": Stance.EXCLUDES})
    counts = {each.code: each for each in found(here).contra}
    assert counts["excludes:trauma"].alone == 1
    assert found(here, "VR13").requests == 0, "they wait in another region"
    with here.database.reading() as tx:
        kept = tx.session.exec(select(UnmetCause).where(UnmetCause.request_id == one)).all()
        assert [each.cause for each in kept if each.until is None] == ["not_asked"]
        assert insight.shut_outs(tx, tx.now, tx.now + timedelta(days=1)).requests == 1, "one has a place to ask for"
    assert both != one


def test_against_a_recount_of_what_the_solver_said(sqlite_url: str) -> None:
    """A random town: for every kept cause the newest answer of the solver at that moment says the same."""
    here = town(sqlite_url, TurnedClock(MORNING))
    chance = Random(3)  # noqa: S311 - not for secrets
    coordinator = here.coordinator()
    for _ in range(3):
        for _ in range(2):
            shut = chance.sample(CRITERIA, 2)
            here.location(places=(chance.randint(1, 3),), stances=dict.fromkeys(shut, Stance.EXCLUDES))
        for _ in range(4):
            here.request(coordinator, facts={one: chance.choice(("yes", "unknown")) for one in CRITERIA})
        result = found(here)
    alone: dict[str, set[str]] = {}
    barred: dict[str, set[str]] = {}
    with here.database.reading() as tx:
        kept = tx.session.exec(select(UnmetCause).where(col(UnmetCause.outcome).is_(None))).all()
        for one in kept:
            if one.cause in {"not_asked", "no_answer", "no_authority", "not_looked", "youth_care"}:
                continue
            said = tx.session.exec(
                select(ProposalSet)
                .where(ProposalSet.request_id == one.request_id, col(ProposalSet.computed_at) <= one.since)
                .order_by(col(ProposalSet.computed_at).desc(), col(ProposalSet.journal_seq).desc())
            ).first()
            for bar in said.shut_out if said else ():
                if str(bar["code"]).startswith("excludes:") and bar["free"]:
                    barred.setdefault(bar["code"], set()).add(one.request_id)
                    if bar["alone"]:
                        alone.setdefault(bar["code"], set()).add(one.request_id)
    assert {one.code: (one.requests, one.alone) for one in result.contra} == {
        code: (len(who), len(alone.get(code, ()))) for code, who in barred.items()
    }
    assert len(barred) == len(CRITERIA), "the town was lively enough"
    assert any(alone.values())
    here.database.close()


def test_where_a_question_cost_a_place_that_excludes_nobody(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(places=(1, 1, 1))
    answered = dict.fromkeys(registry.NATIONAL_CRITERIA, "no")
    for facts in ({}, {"addiction": "yes"}, answered):
        here.placed(coordinator, provider, facts=facts)
    here.location(places=(1,), stances={"trauma": Stance.CONSULT})
    here.placed(coordinator, provider)
    for again in (False, True):
        (service.rebuild if again else service.keep)(here.database)
        with here.database.reading() as tx:
            given = insight.given(tx, tx.now - timedelta(days=1), tx.now + timedelta(days=1))
            kept = tx.session.exec(select(CaseCourse.unconditional)).all()
        assert (given.places, given.unconditional, given.unanswered, given.unknown) == (4, 3, 1, 0)
        assert given.by == {Indication.YES: 1, Indication.UNKNOWN: 1, Indication.NO: 1}
        assert sorted(map(bool, kept)) == [False, True, True, True]


def test_rules_past_the_day_they_would_be_looked_at(here: Town) -> None:
    here.location(stances={"addiction": Stance.EXCLUDES, "trauma": Stance.CONSULT})
    here.location(region="VR01", stances={"addiction": Stance.CONSULT})
    with here.database.transaction() as tx:
        today = tx.now.date()
        rows = tx.session.exec(select(AdmissionRule).order_by(AdmissionRule.location_id, AdmissionRule.criterion)).all()
        for one in rows:
            if one.criterion == "addiction":
                one.review_on = today - timedelta(days=one.location_id == "loc-1")
    with here.database.reading() as tx:
        assert insight.reviews(tx, today) == [
            insight.Reviews("addiction", 2, 1, 1, 0),
            insight.Reviews("trauma", 1, 0, 0, 1),
        ], "the day itself is not past"
        assert insight.reviews(tx, today, "VR01") == [insight.Reviews("addiction", 1, 0, 0, 0)]


def test_the_page(sqlite_url: str) -> None:
    here = town(sqlite_url, TurnedClock(MORNING))
    coordinator, provider = here.coordinator(), here.provider()
    here.duty_officer()
    here.location(places=(9,), stances={"addiction": Stance.EXCLUDES, "trauma": Stance.EXCLUDES})
    for _ in range(5):
        here.placed(coordinator, provider)
    here.request(coordinator, facts={"trauma": "yes"})
    for _ in range(6):
        here.request(coordinator, facts={"addiction": "yes"})
    found(here)
    here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    here.person(Role.MUNICIPALITY, OrganisationKind.MUNICIPALITY, "VR13")
    page = Visitor(here, Role.NATIONAL_COORDINATOR).get("/landelijk/regels").text
    with here.database.reading() as tx:
        shut = insight.shut_outs(tx, tx.now - timedelta(days=28), tx.now)
    (row,) = insight.told(shut.contra)
    assert cells(page, "contra-excludes-addiction") == [
        *("verslaving", str(row.requests), str(row.alone), "0", str(row.main))
    ]
    assert row.requests >= rules.SMALL
    assert 'id="contra-excludes-trauma"' not in page, "one would tell of one"
    assert cells(page, "herzien-trauma")[1:] == ["1", "1", "0", "1"], "rules of houses are no persons"
    assert "Van 5 plekken die aan aanvragen van deze periode gegeven zijn" in page
    elsewhere = Visitor(here, Role.MUNICIPALITY).get("/landelijk/regels").text
    assert "Voor 0 aanvragen werd een tijd lang niets gevonden." in elsewhere
    here.database.close()
