"""Reports to CoMensha: opened once, kept by whoever may, sent as they read then, and late in numbers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlmodel import SQLModel, select

import nrm.tables  # noqa: F401 - for the list of tables
from nrm import journal, policy
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.course import service as course
from nrm.db import Tx
from nrm.errors import Conflict, Forbidden, Invalid, NotFound, NrmError
from nrm.intake import service as intake
from nrm.intake.rules import Fact, Outcome
from nrm.intake.schemas import AmendIn
from nrm.notify.models import Message
from nrm.placing import staying
from nrm.reporting import queries, service
from nrm.reporting.models import Report
from nrm.reporting.rules import NotReason, ReportState
from nrm.reporting.schemas import ConfirmIn, PoliceCriteriaIn, ReportIn, ReportOut
from tests.builders import Town, town

WORDS = [{"code": f"police_{n}", "nl": f"Vraag {n}?", "en": f"Question {n}?"} for n in range(1, 6)]


@pytest.fixture
def here(database_url: str) -> Iterator[Town]:
    made = town(database_url)
    made.national_desk()
    yield made
    made.database.close()


def read(here: Town, actor: Actor, request_id: str) -> ReportOut:
    with here.database.transaction(actor.account_id) as tx:
        return service.read(tx, actor, request_id)


def keep(here: Town, actor: Actor, request_id: str, version: int, **said: object) -> None:
    with here.database.transaction(actor.account_id) as tx:
        service.keep(tx, actor, request_id, ReportIn.model_validate({"version": version, **said}))


def send(here: Town, actor: Actor, request_id: str, version: int) -> None:
    with here.database.transaction(actor.account_id) as tx:
        service.send(tx, actor, request_id, version)


def refused(here: Town, actor: Actor, work: Callable[[Tx], object]) -> NrmError:
    with pytest.raises(NrmError) as caught, here.database.transaction(actor.account_id) as tx:
        work(tx)
    return caught.value


def refuse_police(here: Town, owner: Actor, request_id: str, refuses: bool = True) -> None:
    with here.database.transaction(owner.account_id) as tx:
        version = intake.queries.request(tx, request_id).version
        said = {"urgency": "now", "persons": [{"sex": "f", "age": 24}], "refuses_police": refuses, "version": version}
        intake.amend(tx, owner, request_id, AmendIn.model_validate(said))


def worded(here: Town, criteria: list[dict[str, str]], version: int = 1) -> None:
    desk = here.national_desk()
    with here.database.transaction(desk.account_id) as tx:
        shape = PoliceCriteriaIn.model_validate({"criteria": criteria, "version": version})
        service.keep_police_criteria(tx, desk, shape)


# Opened once


def test_every_request_gets_one_report_however_many_workers_look(here: Town) -> None:
    coordinator = here.coordinator()
    ids = [here.request(coordinator) for _ in range(5)]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(service.open_missing, [here.database] * 4)) == 5
    assert service.open_missing(here.database) == 0
    with here.database.reading() as tx:
        assert {found.request_id for found in tx.session.exec(select(Report))} == set(ids)
        entries = [entry.kind for entry in journal.of_subject(tx.session, f"request:{ids[0]}")]
    assert entries.count("report.opened") == 1


def test_only_what_came_in_since_is_gone_through_again(here: Town) -> None:
    coordinator = here.coordinator()
    before = here.request(coordinator)
    with here.database.reading() as tx:
        newest = journal.last_seq(tx.session)
    since = [here.request(coordinator) for _ in range(5)]
    assert service.open_missing(here.database, newest) == 5
    assert service.open_missing(here.database, newest) == 0
    with here.database.reading() as tx:
        assert {found.request_id for found in tx.session.exec(select(Report))} == set(since)
    assert service.open_missing(here.database) == 1, f"{before} has none yet"


def test_those_that_a_worker_missed_are_opened_batch_by_batch(here: Town) -> None:
    coordinator = here.coordinator()
    for _ in range(5):
        here.request(coordinator)
    assert service.open_missing(here.database, batch=2) == 5


def test_whoever_looks_before_the_worker_does_opens_it(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    with ThreadPoolExecutor(4) as pool:
        looks = list(pool.map(lambda _: read(here, coordinator, request_id).version, range(4)))
    assert looks == [1] * 4
    assert service.open_missing(here.database) == 0


def test_a_worker_that_was_down_makes_nobody_later(here: Town) -> None:
    """Due counts from the request, not from when its report was opened."""
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    here.clock.turn(days=30)
    service.open_missing(here.database)
    found = read(here, coordinator, request_id)
    assert found.due_at == here.clock.at - timedelta(days=23)
    assert found.overdue


def test_due_is_policy_and_frozen_when_it_is_opened(here: Town) -> None:
    coordinator = here.coordinator()
    with here.database.transaction() as tx:
        policy.write(tx, policy.Reporting(due_days=2), "sooner")
    request_id = here.request(coordinator)
    assert read(here, coordinator, request_id).due_at == here.clock.at + timedelta(days=2)
    with here.database.transaction() as tx:
        policy.write(tx, policy.Reporting(due_days=30), "later")
    assert read(here, coordinator, request_id).due_at == here.clock.at + timedelta(days=2)


def test_a_clock_that_jumps_back_makes_nothing_late_and_loses_nothing(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    service.open_missing(here.database)
    here.clock.turn(days=8)
    assert read(here, coordinator, request_id).overdue
    here.clock.turn(days=-3)
    assert not read(here, coordinator, request_id).overdue
    assert service.open_missing(here.database) == 0


def test_a_follow_on_is_about_somebody_who_was_reported(here: Town) -> None:
    here.duty_officer()
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, stay_id = here.placed(coordinator, provider, days=3)
    with here.database.transaction(provider.account_id) as tx:
        staying.confirm_arrival(tx, provider, stay_id, 1)
    course.follow_up(here.database)
    service.open_missing(here.database)
    with here.database.transaction() as tx:
        follow_on = course.queries.follow_on(tx, request_id)
        assert follow_on is not None
        assert [found.request_id for found in tx.session.exec(select(Report))] == [request_id]
        request = intake.queries.request(tx, follow_on.request_id)
        assert queries.progress(tx, coordinator, request) is None
    assert refused(here, coordinator, lambda tx: service.read(tx, coordinator, follow_on.request_id)).code == (
        "no_request"
    )


# Who reports


def test_who_must_report_does_and_the_owner_and_the_desk_may_keep_it(here: Town) -> None:
    officer, police, desk = here.duty_officer(), here.police(), here.national_desk()
    request_id = here.request(police)
    found = read(here, police, request_id)
    assert found.reporter is not None
    assert (found.reporter.kind, found.reporter.has_duty) == (OrganisationKind.POLICE, True)
    assert not found.pseudonymous
    for actor in (officer, desk):
        assert read(here, actor, request_id).version == 1
    for stranger in (here.coordinator(), here.police(OrganisationKind.LABOUR_INSPECTORATE)):
        error = refused(here, stranger, lambda tx, one=stranger: service.read(tx, one, request_id))  # type: ignore[misc]
        assert (type(error), error.code) == (NotFound, "no_request")


def test_the_caller_in_whose_name_it_was_entered_reports_when_it_must(here: Town) -> None:
    officer, inspectorate = here.duty_officer(), here.police(OrganisationKind.LABOUR_INSPECTORATE)
    request_id = here.request(officer, onBehalfOf=inspectorate.organisation_id)
    found = read(here, inspectorate, request_id)
    assert found.reporter is not None
    assert found.reporter.id == inspectorate.organisation_id


def test_providers_never_get_at_a_report(here: Town) -> None:
    coordinator, provider = here.coordinator(), here.provider()
    here.location()
    request_id, _ = here.placed(coordinator, provider)
    for work in (
        lambda tx: service.read(tx, provider, request_id),
        lambda tx: service.read_list(tx, provider),
        lambda tx: service.police_criteria(tx, provider),
        lambda tx: service.overdue(tx, provider),
    ):
        assert isinstance(refused(here, provider, work), Forbidden)
    error = refused(
        here,
        coordinator,
        lambda tx: service.keep(tx, coordinator, request_id, ReportIn(reporter=provider.organisation_id, version=1)),
    )
    assert isinstance(error, Invalid), "a house never reports"


def test_refusing_the_police_takes_the_report_out_of_their_hands_at_once(here: Town) -> None:
    """Also when they were chosen, also when they had already sent it, also when the worker did not look since."""
    officer, police = here.duty_officer(), here.police()
    request_id, sent = here.request(police), here.request(police)
    keep(here, police, request_id, 1, reporter=police.organisation_id)
    send(here, police, sent, 1)
    for one in (request_id, sent):
        refuse_police(here, officer, one)
        for work in (
            lambda tx, of=one: service.read(tx, police, of),
            lambda tx, of=one: service.send(tx, police, of, 2),
            lambda tx, of=one: service.reopen(tx, police, of, 2),
        ):
            assert refused(here, police, work).code == "no_request"  # type: ignore[arg-type]
    with here.database.transaction(police.account_id) as tx:
        assert service.read_list(tx, police) == []
    found = read(here, officer, request_id)
    assert found.reporter is not None
    assert found.reporter.id == officer.organisation_id
    assert (found.pseudonymous, found.must_be_pseudonymous) == (True, True)
    assert police.organisation_id not in {one.id for one in found.reporters}
    error = refused(
        here,
        officer,
        lambda tx: service.keep(
            tx, officer, request_id, ReportIn(reporter=police.organisation_id, version=found.version)
        ),
    )
    assert isinstance(error, Invalid)


def test_a_new_owner_reports_unless_somebody_else_must(here: Town) -> None:
    here.duty_officer()
    first, second = here.coordinator(), here.coordinator("VR15")
    request_id = here.request(first)
    assert read(here, first, request_id).chosen is None
    with here.database.transaction(first.account_id) as tx:
        transfer = course.offer_transfer(tx, first, request_id, second.organisation_id).id
    with here.database.transaction(second.account_id) as tx:
        course.take_over(tx, second, transfer)
    found = read(here, second, request_id)
    assert found.reporter is not None
    assert found.reporter.id == second.organisation_id
    assert refused(here, first, lambda tx: service.read(tx, first, request_id)).code == "no_request"


# What it says


def test_it_says_what_the_request_says_until_it_is_sent_and_nothing_of_who(here: Town) -> None:
    coordinator = here.coordinator()
    persons = [{"sex": "f", "age": 24, "parent": True}, {"sex": "m", "age": 3}]
    request_id = here.request(coordinator, exploitation="sexual", persons=persons)
    found = read(here, coordinator, request_id)
    # 22:40 in UTC is the same day in Amsterdam, an hour before midnight.
    assert found.said.model_dump(mode="json") == {
        "region": "VR17",
        "exploitation": "sexual",
        "persons": [{"sex": "f", "age_group": "24_29"}, {"sex": "m", "age_group": "under_12"}],
        "found_on": "2026-11-21",
    }
    keep(here, coordinator, request_id, 1, found_on=date(2026, 11, 19), agreed=True)
    send(here, coordinator, request_id, 2)
    refuse_police(here, coordinator, request_id, refuses=False)
    after = read(here, coordinator, request_id)
    assert after.said.exploitation == "sexual", "as it was when it was sent"
    assert after.said.found_on == date(2026, 11, 19)
    assert (after.state, after.pseudonymous) == (ReportState.SENT, False)


def test_found_on_is_the_day_on_the_wall(here: Town) -> None:
    coordinator = here.coordinator()
    here.clock.turn(minutes=30)  # 00:10 in Amsterdam, still the day before in UTC
    request_id = here.request(coordinator)
    assert read(here, coordinator, request_id).said.found_on == date(2026, 11, 22)
    keep(here, coordinator, request_id, 1, found_on=date(2026, 11, 22))
    for day, code in ((date(2026, 11, 23), "in_the_future"), (date(2006, 1, 1), "too_long_ago")):
        with pytest.raises(Invalid) as caught:
            keep(here, coordinator, request_id, 2, found_on=day)
        assert [(field.path, field.code) for field in caught.value.fields] == [(("foundOn",), code)]


def test_without_consent_it_goes_without_a_name_and_with_it_by_choice(here: Town) -> None:
    coordinator = here.coordinator()
    unasked, agreed, shy = (here.request(coordinator) for _ in range(3))
    keep(here, coordinator, unasked, 1)
    keep(here, coordinator, agreed, 1, agreed=True)
    keep(here, coordinator, shy, 1, agreed=True, pseudonymous=True)
    for request_id, pseudonymous in ((unasked, True), (agreed, False), (shy, True)):
        send(here, coordinator, request_id, 2)
        assert read(here, coordinator, request_id).pseudonymous is pseudonymous
    # Taking consent back before it is sent is all it takes.
    back = here.request(coordinator)
    keep(here, coordinator, back, 1, agreed=True)
    keep(here, coordinator, back, 2)
    assert read(here, coordinator, back).state is ReportState.TO_DO
    send(here, coordinator, back, 3)
    assert read(here, coordinator, back).pseudonymous


# The police criteria


def test_a_criterion_without_words_is_no_question(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    assert read(here, coordinator, request_id).criteria == []
    with pytest.raises(Invalid):
        keep(here, coordinator, request_id, 1, criteria={"police_1": "yes"})
    worded(here, [*WORDS[:2], *({"code": one["code"]} for one in WORDS[2:])])
    assert [one.code for one in read(here, coordinator, request_id).criteria] == ["police_1", "police_2"]
    keep(here, coordinator, request_id, 1, criteria={"police_1": "yes", "police_2": "unknown"})
    with here.database.reading() as tx:
        assert tx.session.get_one(Report, request_id).criteria == {"police_1": "yes"}


def test_answers_keep_the_words_they_were_given_to(here: Town) -> None:
    coordinator = here.coordinator()
    answered, blank = here.request(coordinator), here.request(coordinator)
    worded(here, WORDS)
    keep(here, coordinator, answered, 1, criteria={"police_1": "no"})
    keep(here, coordinator, blank, 1)
    worded(here, [{**one, "nl": f"Anders {one['nl']}"} for one in WORDS], version=2)
    assert read(here, coordinator, answered).criteria[0].nl == "Vraag 1?"
    assert read(here, coordinator, answered).criteria[0].answer is Fact.NO
    assert read(here, coordinator, blank).criteria[0].nl == "Anders Vraag 1?"


def test_half_a_question_is_not_kept_and_two_who_word_at_once_do_not_overwrite(here: Town) -> None:
    with pytest.raises(Invalid) as caught:
        worded(here, [{"code": "police_1", "nl": "Alleen Nederlands"}, *WORDS[1:]])
    assert [field.path for field in caught.value.fields] == [("criteria", 0, "en")]
    with pytest.raises(Invalid):
        worded(here, [{**WORDS[0], "code": "other"}, *WORDS[1:]])
    with pytest.raises(ValidationError):
        worded(here, WORDS[:4])

    def word(_: int) -> str:
        try:
            worded(here, WORDS)
        except Conflict as refusal:
            return refusal.code
        return "kept"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(word, range(4))) == ["changed_meanwhile"] * 3 + ["kept"]


def test_words_kept_after_mine_were_read_are_not_overwritten(here: Town) -> None:
    desk = here.national_desk()
    mine = PoliceCriteriaIn.model_validate({"criteria": WORDS, "version": 1})
    with here.database.transaction(desk.account_id) as tx:
        policy.write(tx, policy.PoliceCriteria(), note="another one, whose words are seen from here on")
        tx.policies["police_criteria", None] = 1, policy.PoliceCriteria()
        with pytest.raises(Conflict, match="changed_meanwhile"):
            service.keep_police_criteria(tx, desk, mine)


def test_the_words_are_not_in_the_list_of_policies_that_everybody_reads() -> None:
    assert policy.PoliceCriteria not in policy.KINDS


def test_answers_stay_in_the_report(here: Town) -> None:
    """Not in the journal, a message, a proposal, or any other table."""
    coordinator, provider = here.coordinator(), here.provider()
    here.duty_officer()
    here.location()
    request_id = here.request(coordinator)
    worded(here, WORDS)
    keep(here, coordinator, request_id, 1, criteria={"police_3": "yes"})
    here.match()
    here.accept(provider, here.offer(coordinator, request_id))
    course.follow_up(here.database)
    send(here, coordinator, request_id, 2)
    with here.database.reading() as tx:
        for table in SQLModel.metadata.sorted_tables:
            rows = [str(tuple(row)) for row in tx.session.execute(text(f"SELECT * FROM {table.name}"))]  # noqa: S608
            where = {"report", "policy"}
            assert table.name in where or not [row for row in rows if "police_3" in row], table.name


# State by state


def test_sent_confirmed_and_the_way_back(here: Town) -> None:
    coordinator, desk = here.coordinator(), here.national_desk()
    request_id = here.request(coordinator)
    reference = ConfirmIn(reference="2026-0412", version=1)
    read(here, coordinator, request_id)
    assert refused(here, desk, lambda tx: service.confirm(tx, desk, request_id, reference)).code == "changed_meanwhile"
    send(here, coordinator, request_id, 1)
    for work in (
        lambda tx: service.send(tx, coordinator, request_id, 2),
        lambda tx: service.keep(tx, coordinator, request_id, ReportIn(version=2)),
        lambda tx: service.drop(tx, coordinator, request_id, NotReason.OTHER, 2),
    ):
        assert refused(here, coordinator, work).code == "changed_meanwhile"
    number = ConfirmIn(reference="2026-0412", version=2)
    owner = refused(here, coordinator, lambda tx: service.confirm(tx, coordinator, request_id, number))
    assert isinstance(owner, Forbidden), "only the desk says that CoMensha has it"
    with here.database.transaction(coordinator.account_id) as tx:
        service.reopen(tx, coordinator, request_id, 2)
    send(here, coordinator, request_id, 3)
    with here.database.transaction(desk.account_id) as tx:
        service.confirm(tx, desk, request_id, ConfirmIn(reference="2026-0412", version=4))
    found = read(here, desk, request_id)
    assert (found.state, found.reference, found.confirmed_at) == (
        ReportState.CONFIRMED,
        "2026-0412",
        here.clock.at,
    )
    assert refused(here, desk, lambda tx: service.reopen(tx, desk, request_id, 5)).code == "changed_meanwhile"


def test_not_reported_needs_a_reason_and_a_duty_outlasts_a_wish(here: Town) -> None:
    here.duty_officer()
    police, coordinator = here.police(), here.coordinator()
    theirs, ours = here.request(police), here.request(coordinator)
    read(here, police, theirs)
    wish = NotReason.NOT_WANTED
    assert refused(here, police, lambda tx: service.drop(tx, police, theirs, wish, 1)).code == "duty_to_report"
    read(here, coordinator, ours)
    with here.database.transaction(coordinator.account_id) as tx:
        service.drop(tx, coordinator, ours, wish, 1)
    found = read(here, coordinator, ours)
    assert (found.state, found.reason, found.overdue) == (ReportState.NOT, wish, False)
    with here.database.transaction(coordinator.account_id) as tx:
        service.reopen(tx, coordinator, ours, 2)
    found = read(here, coordinator, ours)
    assert (found.state, found.reason) == (ReportState.TO_DO, None)


def test_one_of_many_who_send_at_once_does(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    read(here, coordinator, request_id)

    def attempt(number: int) -> str:
        try:
            if number % 2:
                send(here, coordinator, request_id, 1)
            else:
                keep(here, coordinator, request_id, 1, agreed=True)
        except Conflict as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(attempt, range(6))) == ["changed_meanwhile"] * 5 + ["done"]


def test_a_closed_request_is_still_to_be_reported(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    with here.database.transaction(coordinator.account_id) as tx:
        intake.close(tx, coordinator, request_id, Outcome.OWN_SOLUTION, 1)
    service.open_missing(here.database)
    assert read(here, coordinator, request_id).state is ReportState.TO_DO


@pytest.mark.parametrize("typed", ["Jansen", "2026 Jansen", "Annabel1", "", "1" * 21, "AB-12 van der Berg"])
def test_a_number_of_comensha_has_no_room_for_a_name(typed: str) -> None:
    with pytest.raises(ValidationError):
        ConfirmIn(reference=typed, version=1)


def test_reporting_sends_nothing(here: Town) -> None:
    coordinator = here.coordinator()
    request_id = here.request(coordinator)
    send(here, coordinator, request_id, read(here, coordinator, request_id).version)
    with here.database.reading() as tx:
        assert tx.session.exec(select(Message)).all() == []


# Late


def test_what_is_late_is_counted_for_the_coordinator_and_listed_for_the_desk(here: Town) -> None:
    here.duty_officer()
    coordinator, police, desk = here.coordinator(), here.police(), here.national_desk()
    nac = here.person(Role.NATIONAL_COORDINATOR, OrganisationKind.NATIONAL_COORDINATION)
    many = [here.request(coordinator) for _ in range(5)]
    few = [here.request(police, region="VR13") for _ in range(4)]
    service.open_missing(here.database)
    send(here, coordinator, here.request(coordinator), 1)
    here.clock.turn(days=9)
    on_time = here.request(coordinator)
    service.open_missing(here.database)
    with here.database.transaction(desk.account_id) as tx:
        assert [(row.region, row.kind, row.reports, row.oldest_days) for row in service.overdue(tx, desk)] == [
            ("VR13", "police", 4, 2),
            ("VR17", "care_coordination", 5, 2),
        ]
        listed = {line.request_id: line for line in service.read_list(tx, desk)}
    assert {request_id for request_id, line in listed.items() if line.overdue} == {*many, *few}
    assert on_time not in listed, "what is not late is its owner's"
    assert len(listed) == 10, "and one that was sent, to confirm"
    with here.database.transaction(nac.account_id) as tx:
        rows = service.overdue(tx, nac)
        assert [(row.region, row.reports, row.oldest_days) for row in rows] == [("VR13", None, None), ("VR17", 5, 2)]
        # A sum with one small number left out of it would give that number away.
        assert queries.overdue_total(tx, rows) == (5, False)
        assert queries.overdue_total(tx, [rows[0]] * 9) == (0, False), "nine hidden numbers that are nine are each one"
        assert queries.overdue_total(tx, [rows[0]] * 4) == (9, True)
        assert queries.overdue_total(tx, service.overdue(tx, desk)) == (9, True)
        said = " ".join(row.model_dump_json() for row in rows)
        assert not [line for line in listed.values() if line.short_code in said or line.request_id in said]
    assert isinstance(refused(here, nac, lambda one: service.read_list(one, nac)), Forbidden)
