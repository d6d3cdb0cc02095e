"""A no has a reason, a reason has an effect, and the desk may read it otherwise."""

from collections.abc import Iterator

import pytest
from sqlmodel import col, select

from nrm import journal, policy
from nrm.access.rules import Actor, Role
from nrm.errors import Conflict, Forbidden, Invalid, NotFound
from nrm.notify.models import Message
from nrm.placing import matcher, queries, reviews, service
from nrm.placing.models import DeclineCorrection
from nrm.placing.rules import DECLINES, DeclineEffect, DeclineTag
from nrm.registry import queries as registry
from nrm.registry import service as keeping
from nrm.registry.rules import Basis, Stance
from tests.builders import Town, town


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    yield made
    made.database.close()


def no(here: Town, provider: Actor, offer_id: str, code: str, criterion: str | None = None) -> None:
    with here.database.transaction(provider.account_id) as tx:
        service.decline(tx, provider, offer_id, code, criterion)
    here.clock.turn(seconds=1)


def confirm(here: Town, provider: Actor, location_id: str) -> None:
    with here.database.transaction(provider.account_id) as tx:
        keeping.confirm_unchanged(tx, provider, location_id)
    here.clock.turn(seconds=1)


def units(here: Town, request_id: str) -> list[str]:
    """Which units are proposed and can still be asked, now."""
    with here.database.reading() as tx:
        found = queries.proposals(tx, request_id)
        return [proposal.unit_id for proposal in found.proposals if proposal.available] if found else []


def asked(here: Town, coordinator: Actor) -> tuple[str, str]:
    request_id = here.request(coordinator)
    here.match()
    return request_id, here.offer(coordinator, request_id)


def board(here: Town) -> tuple[int, int]:
    """Free and unchecked beds, in the whole country."""
    with here.database.reading() as tx:
        rows = registry.board(tx)
    return sum(row.free for row in rows), sum(row.stale for row in rows)


def test_full_after_all_takes_the_room_from_everybody_until_somebody_checks(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(1, 1))
    first, second = f"{house}-u1", f"{house}-u2"
    other = here.request(coordinator, persons=[{"sex": "m", "age": 50}])
    request_id, offer_id = asked(here, coordinator)
    room = here.offers()[0].unit_id
    free = first if room == second else second
    no(here, provider, offer_id, "full_after_all")
    for waiting in (other, request_id):
        assert room not in units(here, waiting), "at once, before anybody solved again"
    assert board(here) == (1, 1), "what turned out full never counts as free, however fresh the figure"
    here.match()
    here.clock.turn(hours=6)
    here.match()
    assert units(here, request_id) + units(here, other) == [free], "the house's other room is still to be had"
    with here.database.reading() as tx:
        found = queries.proposals(tx, other) if not units(here, other) else queries.proposals(tx, request_id)
        assert found is not None
        assert "closed:said_no" in {row.code for row in found.shut_out}
        assert [(one.unit_code, one.until) for one in queries.own_not_now(tx, provider.organisation_id)] == [
            ("K1" if room == first else "K2", None)
        ]
    confirm(here, provider, house)
    assert board(here) == (2, 0)
    here.match()
    assert sorted(units(here, request_id) + units(here, other)) == [first, second]
    with here.database.reading() as tx:
        assert queries.own_not_now(tx, provider.organisation_id) == []


def test_a_confirmation_from_before_the_no_does_not_count(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(1,))
    confirm(here, provider, house)
    request_id, offer_id = asked(here, coordinator)
    no(here, provider, offer_id, "full_after_all")
    here.match()
    assert units(here, request_id) == []


def test_no_staff_closes_the_house_for_everybody_for_a_shift(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(1, 1), confirmed_minutes_ago=0)
    request_id, offer_id = asked(here, coordinator)
    other = here.request(coordinator)
    no(here, provider, offer_id, "no_staff")
    here.clock.turn(hours=11, minutes=59, seconds=58)
    here.match()
    assert (units(here, request_id), units(here, other)) == ([], [])
    old = here.offers()[0].proposal_id
    # Whoever still has an old proposal on the screen is refused, not only the solver.
    with here.database.transaction() as tx, pytest.raises(Conflict, match="no_longer_fits"):
        service.send_offer(tx, coordinator, request_id, old)
    here.clock.turn(seconds=1)
    matcher.match(here.database)
    assert len(units(here, request_id)) == 1
    assert house


def test_who_was_asked_before_may_still_say_yes(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(places=(1, 1))
    _, first = asked(here, coordinator)
    _, second = asked(here, coordinator)
    no(here, provider, first, "no_staff")
    assert service.withdraw_unfit(here.database) == 0
    assert here.accept(provider, second) is not None


@pytest.mark.parametrize(
    "code", sorted(code for code, rule in DECLINES.items() if rule.effect is DeclineEffect.LOCATION_FOR_REQUEST)
)
def test_a_ground_of_this_request_bars_this_request_only(here: Town, code: str) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(1, 1))
    request_id, offer_id = asked(here, coordinator)
    no(here, provider, offer_id, code, "trauma" if code == "criterion" else None)
    confirm(here, provider, house)
    other = here.request(coordinator)
    here.match()
    assert units(here, request_id) == []
    assert len(units(here, other)) == 1


def test_whoever_decides_without_being_the_house_cannot_close_it_for_others(here: Town) -> None:
    coordinator, desk = here.coordinator(), here.national_desk()
    here.provider()
    here.location(pool="COSM", places=(1, 1))
    request_id = here.request(coordinator, residence="none")
    here.match()
    no(here, desk, here.offer(coordinator, request_id), "no_staff")
    other = here.request(coordinator, residence="none")
    here.match()
    assert (units(here, request_id), len(units(here, other))) == ([], 1)


def test_the_requester_hears_of_each_no_and_it_is_matched_again_at_once(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location(region="VR17"), here.location(region="VR13")
    _, offer_id = asked(here, coordinator)
    matcher.match(here.database)
    no(here, provider, offer_id, "other")
    assert matcher.match_due(here.database)
    with here.database.reading() as tx:
        (told,) = tx.session.exec(select(Message).where(Message.about == f"declined:{offer_id}")).all()
        (entry,) = [e for e in journal.after(tx.session, 0, 1000) if e.kind == "offer.declined"]
    assert told.recipient == "zorgcoordinatie-VR17@example.org"
    assert "aanbieder" not in told.body + told.subject, "who said no is for the screen, not for a message"
    assert {"requests", "offers", "places"} == set(entry.topics.split())


def test_a_ground_nobody_published_is_coded_counted_and_offered_as_a_rule(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    house = here.location(places=(1, 1, 1))
    for _ in range(2):
        _, offer_id = asked(here, coordinator)
        no(here, provider, offer_id, "criterion", "addiction")
    with here.database.reading() as tx:
        (found,) = queries.unpublished(tx, provider.organisation_id)
        assert (found.location_id, found.criterion, found.times) == (house, "addiction", 2)
        assert [(one.criterion, one.published) for one in queries.declines(tx)] == [("addiction", False)] * 2
    with here.database.transaction(provider.account_id) as tx:
        keeping.set_rule(tx, provider, house, "addiction", Stance.EXCLUDES, Basis.STAFFING, "geen nachtdienst")
    with here.database.reading() as tx:
        assert queries.unpublished(tx, provider.organisation_id) == []
    _, offer_id = asked(here, coordinator)
    no(here, provider, offer_id, "criterion", "addiction")
    with here.database.reading() as tx:
        assert queries.declines(tx)[0].published is True


@pytest.mark.parametrize(
    ("code", "criterion"),
    [("omdat", None), ("criterion", None), ("criterion", "wealth"), ("no_staff", "addiction"), ("", None)],
)
def test_a_reason_that_is_none_changes_nothing(here: Town, code: str, criterion: str | None) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    _, offer_id = asked(here, coordinator)
    with pytest.raises(Invalid):
        no(here, provider, offer_id, code, criterion)
    assert here.offers()[0].status == "live"


def test_the_desk_reads_a_decline_otherwise_and_what_was_said_stays(here: Town) -> None:
    coordinator, provider, desk = here.coordinator(), here.provider(), here.national_desk()
    here.location()
    request_id, offer_id = asked(here, coordinator)
    no(here, provider, offer_id, "group_balance")

    def correct(actor: Actor, seen: str, tag: str, reason: str = "ground_untrue") -> None:
        with here.database.transaction(actor.account_id) as tx:
            reviews.correct_decline(tx, actor, offer_id, DeclineTag(seen), DeclineTag(tag), reason)

    for actor in (coordinator, provider):
        with pytest.raises(Forbidden):
            correct(actor, "client", "provider")
    with pytest.raises(Invalid):
        correct(desk, "client", "client")
    with pytest.raises(Invalid):
        correct(desk, "client", "provider", "zomaar")
    with pytest.raises(Conflict, match="changed_meanwhile"):
        correct(desk, "neutral", "provider")
    correct(desk, "client", "provider")
    with pytest.raises(Conflict, match="changed_meanwhile"):
        correct(desk, "client", "provider")
    with here.database.reading() as tx:
        (shown,) = queries.declines(tx)
        assert (shown.code, shown.tag, shown.corrected_from) == ("group_balance", "provider", "client")
        assert len(tx.session.exec(select(DeclineCorrection)).all()) == 1
        entry = next(e for e in journal.after(tx.session, 0, 1000) if e.kind == "decline.corrected")
        assert entry.subject == f"offer:{offer_id}"
        # Codes only: nothing that leads back to the case.
        code = queries.intake.request(tx, request_id).short_code
        assert request_id not in shown.model_dump_json()
        assert code not in shown.model_dump_json()
    other = here.offers()[0]
    assert other.status == "declined"
    assert Role.NATIONAL_DESK is desk.role


def test_a_no_under_an_older_policy_lasts_as_long_as_that_one_said(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, offer_id = asked(here, coordinator)
    with here.database.transaction() as tx:
        policy.write(tx, policy.Hold(no_staff_minutes=1), "shorter")
    no(here, provider, offer_id, "no_staff")
    here.clock.turn(minutes=2)
    here.match()
    assert units(here, request_id) == []


def test_an_offer_of_somebody_else_cannot_be_corrected_before_it_was_declined(here: Town) -> None:
    coordinator, desk = here.coordinator(), here.national_desk()
    here.provider()
    here.location()
    _, offer_id = asked(here, coordinator)
    with here.database.transaction() as tx, pytest.raises(NotFound):
        reviews.correct_decline(tx, desk, offer_id, DeclineTag.CLIENT, DeclineTag.NEUTRAL, "policy")
    with here.database.reading() as tx:
        assert queries.declines(tx) == []
        assert not tx.session.exec(select(Message).where(col(Message.about).startswith("declined:"))).all()
