"""Why a place is not the first, and why somebody has none: in codes, and never against whom."""

import json
from collections.abc import Iterator

import pytest
from sqlmodel import col, select

from nrm.placing import queries
from nrm.placing.models import Proposal, ProposalSet
from nrm.registry.rules import Stance
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def behind(here: Town, request_id: str) -> list[str | None]:
    with here.database.reading() as tx:
        found = queries.proposals(tx, request_id)
        return [proposal.fit["behind"] for proposal in found.proposals] if found else []


def weighed(here: Town, request_id: str) -> list[str | None]:
    with here.database.reading() as tx:
        found = queries.proposals(tx, request_id)
        return [row.weighed for row in found.shut_out if row.code == "capacity"] if found else []


TWO = [{"sex": "f", "age": 24}, {"sex": "f", "age": 2}]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ({"urgency": "now"}, {"urgency": "soon"}, "acute"),
        ({"urgency": "today"}, {"urgency": "soon"}, "more_urgent"),
        ({"urgency": "soon", "persons": TWO}, {"urgency": "soon"}, "more_persons"),
        ({"urgency": "soon"}, {"urgency": "soon"}, "waits_longer"),
    ],
)
def test_who_has_no_place_hears_what_was_weighed(here: Town, first: object, second: object, code: str) -> None:
    one, two = here.coordinator("VR15"), here.coordinator("VR17")
    here.location(region="VR16", places=(2,), private=True)
    ahead = here.request(one, region="VR15", **first)  # type: ignore[arg-type]
    here.clock.turn(minutes=180)
    without = here.request(two, region="VR17", **second)  # type: ignore[arg-type]
    here.match()
    assert weighed(here, without) == [code]
    assert weighed(here, ahead) == []
    with here.database.reading() as tx:
        found = tx.session.exec(select(ProposalSet).where(ProposalSet.request_id == without)).one()
        assert ahead not in json.dumps([found.shut_out, found.would_place])


def test_the_second_place_says_why(here: Town) -> None:
    one, two = here.coordinator("VR15"), here.coordinator("VR17")
    here.location(region="VR17", stances={"pregnancy": Stance.EXCLUDES})
    here.location(region="VR01", stances={"pregnancy": Stance.EXCLUDES, "trauma": Stance.CONSULT})
    asked_first = here.request(one, region="VR17")
    here.match()
    assert behind(here, asked_first) == [None, "risk"]
    # The only place that takes somebody else is no place for her, however near.
    here.location(region="VR17", places=(1,))
    here.request(two, region="VR17", urgency="planned", unsafe=[{"region": "VR01"}], facts={"pregnancy": "yes"})
    here.match()
    assert behind(here, asked_first) == [None, "risk", "needed:planned"]
    with here.database.reading() as tx:
        listed = tx.session.exec(select(Proposal).where(col(Proposal.request_id) == asked_first)).all()
        assert two.account_id not in json.dumps([row.fit for row in listed])
