"""Who may do what. One module, deny by default; nothing here touches a session or a clock."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """The roles of domain.md §2. A person for whom a place is sought is never a user."""

    COORDINATOR = "coordinator"
    DUTY_OFFICER = "duty_officer"
    FIRST_RESPONDER = "first_responder"
    PROVIDER = "provider"
    MUNICIPALITY = "municipality"
    COORDINATOR_REGIONAL = "coordinator_regional"
    NATIONAL_DESK = "national_desk"
    NATIONAL_COORDINATOR = "national_coordinator"
    RAPPORTEUR = "rapporteur"
    ADMIN = "admin"
    YOUTH_CARE = "youth_care"
    """Somebody of youth crisis care or Nidos, who take over minors that are alone."""
    MINISTRY = "ministry"
    """Somebody of a ministry that pays for or answers for shelter: reads what was made to be sent there."""
    EXERCISE_LEADER = "exercise_leader"
    """Leads an exercise, and is nobody where people work in earnest."""


class OrganisationKind(StrEnum):
    """What an organisation is. It decides, with the role, what an account may see."""

    CARE_COORDINATION = "care_coordination"
    PROVIDER = "provider"
    MUNICIPALITY = "municipality"
    CHAIN_DIRECTION = "chain_direction"
    NATIONAL_DESK = "national_desk"
    POLICE = "police"
    MILITARY_POLICE = "military_police"
    LABOUR_INSPECTORATE = "labour_inspectorate"
    SUPPORT = "support"
    NATIONAL_COORDINATION = "national_coordination"
    RAPPORTEUR = "rapporteur"
    OPERATIONS = "operations"
    YOUTH_CARE = "youth_care"
    """Youth crisis care of one region."""
    GUARDIANSHIP = "guardianship"
    """Nidos: guardian of minors from abroad who are alone, for the whole country."""
    MINISTRY = "ministry"


INVESTIGATIVE = frozenset(
    {OrganisationKind.POLICE, OrganisationKind.MILITARY_POLICE, OrganisationKind.LABOUR_INSPECTORATE}
)
"""Bodies out of whose sight a request stays that refuses police contact (domain.md §5 rule 11)."""


class Verb(StrEnum):
    """Everything a route can ask leave for."""

    REQUEST_SUBMIT = "request.submit"
    REQUEST_READ = "request.read"
    REQUEST_CHANGE = "request.change"
    REQUEST_FOLLOW = "request.follow"
    REPEAT_READ = "repeat.read"
    PRE_ALERT_SEND = "pre_alert.send"
    PRE_ALERT_READ = "pre_alert.read"
    OFFER_SEND = "offer.send"
    OFFER_READ = "offer.read"
    OFFER_ANSWER = "offer.answer"
    OFFER_EXTEND = "offer.extend"
    OFFER_CRISIS = "offer.crisis"
    DECLINES_REVIEW = "declines.review"
    CONSENT_KEEP = "consent.keep"
    ADDRESS_RELEASE = "address.release"
    STAY_READ = "stay.read"
    STAY_ARRIVE = "stay.arrive"
    STAY_DEPART = "stay.depart"
    STAY_KEEP = "stay.keep"
    BRIDGE_KEEP = "bridge.keep"
    SUMMARY_READ = "summary.read"
    SETTLEMENT_KEEP = "settlement.keep"
    SHARES_READ = "shares.read"
    BOARD_READ = "board.read"
    PLACES_READ = "places.read"
    PLACES_KEEP = "places.keep"
    HOUSES_ADD = "houses.add"
    SHEET_LOAD = "sheet.load"
    FIGURES_CHASE = "figures.chase"
    TRUST_READ = "trust.read"
    CRITERIA_KEEP = "criteria.keep"
    ALARM_READ = "alarm.read"
    ALARM_CLAIM = "alarm.claim"
    AUTHORITY_READ = "authority.read"
    AUTHORITY_ASK = "authority.ask"
    SHIFT_KEEP = "shift.keep"
    CALL_NOTE = "call.note"
    HANDOVER_READ = "handover.read"
    HANDOVER_TAKE = "handover.take"
    NIGHT_LIST_MAKE = "night_list.make"
    CALENDAR_KEEP = "calendar.keep"
    ROSTER_READ = "roster.read"
    ROSTER_KEEP = "roster.keep"
    ROSTER_STAND = "roster.stand"
    REACH_KEEP = "reach.keep"
    UNDELIVERED_READ = "undelivered.read"
    YOUTH_ANSWER = "youth.answer"
    REPORT_KEEP = "report.keep"
    REPORT_CONFIRM = "report.confirm"
    REPORTS_COUNT = "reports.count"
    NUMBERS_READ = "numbers.read"
    DATASET_READ = "dataset.read"
    STATEMENT_READ = "statement.read"
    STATEMENT_CORRECT = "statement.correct"
    COMPARISON_KEEP = "comparison.keep"
    QUALITY_KEEP = "quality.keep"
    POLICY_READ = "policy.read"
    POLICY_PROPOSE = "policy.propose"
    POLICY_DECIDE = "policy.decide"
    ACCOUNTS_READ = "accounts.read"
    REGIONS_READ = "regions.read"
    EXERCISE_READ = "exercise.read"
    EXERCISE_LEAD = "exercise.lead"
    SELF = "self"


_R = Role
_ALL = frozenset(Role)
_CASE_HOLDERS = frozenset({_R.COORDINATOR, _R.DUTY_OFFICER, _R.NATIONAL_DESK})
_DECIDERS = frozenset({_R.PROVIDER, _R.NATIONAL_DESK, _R.DUTY_OFFICER, _R.FIRST_RESPONDER, _R.MUNICIPALITY})

ROLES_OF: dict[Verb, frozenset[Role]] = {
    Verb.REQUEST_SUBMIT: _CASE_HOLDERS | {_R.FIRST_RESPONDER},
    Verb.REQUEST_READ: _CASE_HOLDERS,
    Verb.REQUEST_CHANGE: _CASE_HOLDERS,
    Verb.REQUEST_FOLLOW: frozenset({_R.FIRST_RESPONDER}),
    Verb.REPEAT_READ: frozenset({_R.NATIONAL_DESK}),
    Verb.PRE_ALERT_SEND: frozenset({_R.FIRST_RESPONDER, _R.COORDINATOR}),
    # A planned check is secret until it happened: its announcer and the desk that must be ready.
    Verb.PRE_ALERT_READ: frozenset({_R.FIRST_RESPONDER, _R.COORDINATOR, _R.DUTY_OFFICER, _R.NATIONAL_DESK}),
    Verb.OFFER_SEND: _CASE_HOLDERS,
    # Whom policy may name: the labour inspectorate and the police are first responders, and a municipality may have a
    # say in its places. What of all that reaches whom stands in the offer itself.
    Verb.OFFER_READ: _DECIDERS,
    Verb.OFFER_ANSWER: _DECIDERS,
    Verb.OFFER_EXTEND: _DECIDERS | _CASE_HOLDERS,
    Verb.OFFER_CRISIS: frozenset({_R.DUTY_OFFICER}),
    Verb.DECLINES_REVIEW: frozenset({_R.NATIONAL_DESK}),
    Verb.CONSENT_KEEP: frozenset({_R.PROVIDER, _R.MUNICIPALITY}),
    Verb.ADDRESS_RELEASE: _CASE_HOLDERS,
    Verb.STAY_READ: _CASE_HOLDERS | {_R.PROVIDER},
    Verb.STAY_ARRIVE: _CASE_HOLDERS | {_R.PROVIDER},
    Verb.STAY_DEPART: frozenset({_R.PROVIDER}),
    Verb.STAY_KEEP: _CASE_HOLDERS | {_R.PROVIDER},
    Verb.BRIDGE_KEEP: _CASE_HOLDERS,
    # From provider to provider: nobody in between reads it.
    Verb.SUMMARY_READ: frozenset({_R.PROVIDER}),
    Verb.SETTLEMENT_KEEP: frozenset({_R.MUNICIPALITY}),
    Verb.SHARES_READ: frozenset({_R.MUNICIPALITY}),
    Verb.BOARD_READ: _CASE_HOLDERS | {_R.PROVIDER, _R.COORDINATOR_REGIONAL, _R.NATIONAL_COORDINATOR, _R.MUNICIPALITY},
    Verb.PLACES_READ: frozenset({_R.PROVIDER}),
    Verb.PLACES_KEEP: frozenset({_R.PROVIDER}),
    # Which houses there are is for the desk and for whoever runs the system; what goes on in them for their provider.
    Verb.HOUSES_ADD: frozenset({_R.NATIONAL_DESK, _R.ADMIN}),
    Verb.SHEET_LOAD: frozenset({_R.PROVIDER, _R.NATIONAL_DESK, _R.ADMIN}),
    Verb.FIGURES_CHASE: frozenset({_R.DUTY_OFFICER, _R.NATIONAL_DESK}),
    # A provider its own, the desk everybody's; never another provider, a municipality, or who asks for a place.
    Verb.TRUST_READ: frozenset({_R.PROVIDER, _R.NATIONAL_DESK}),
    Verb.CRITERIA_KEEP: frozenset({_R.NATIONAL_DESK}),
    Verb.ALARM_READ: frozenset({_R.DUTY_OFFICER, _R.NATIONAL_DESK, _R.COORDINATOR_REGIONAL, _R.NATIONAL_COORDINATOR}),
    Verb.ALARM_CLAIM: frozenset({_R.DUTY_OFFICER, _R.NATIONAL_DESK, _R.COORDINATOR_REGIONAL}),
    # What is put before the competent authority, in numbers and codes; the national coordinator alone puts it there.
    Verb.AUTHORITY_READ: frozenset({_R.NATIONAL_COORDINATOR, _R.NATIONAL_DESK, _R.COORDINATOR_REGIONAL}),
    Verb.AUTHORITY_ASK: frozenset({_R.NATIONAL_COORDINATOR}),
    Verb.SHIFT_KEEP: frozenset({_R.DUTY_OFFICER}),
    Verb.CALL_NOTE: _CASE_HOLDERS,
    Verb.HANDOVER_READ: _CASE_HOLDERS | {_R.COORDINATOR_REGIONAL},
    # Only whom it is given to; which organisation that is stands in the hand-over itself.
    Verb.HANDOVER_TAKE: frozenset({_R.COORDINATOR, _R.COORDINATOR_REGIONAL}),
    Verb.NIGHT_LIST_MAKE: frozenset({_R.DUTY_OFFICER, _R.NATIONAL_DESK}),
    # Everybody their own organisation's; the administrator every organisation's.
    Verb.CALENDAR_KEEP: frozenset({_R.PROVIDER, _R.MUNICIPALITY, _R.NATIONAL_DESK, _R.COORDINATOR_REGIONAL, _R.ADMIN}),
    # Off shift too: one looks at the roster to know when one is on.
    Verb.ROSTER_READ: frozenset({_R.DUTY_OFFICER, _R.NATIONAL_DESK, _R.COORDINATOR_REGIONAL, _R.ADMIN}),
    Verb.ROSTER_KEEP: frozenset({_R.NATIONAL_DESK, _R.COORDINATOR_REGIONAL, _R.ADMIN}),
    Verb.ROSTER_STAND: frozenset({_R.DUTY_OFFICER, _R.COORDINATOR_REGIONAL}),
    # How colleagues reach oneself: everybody for themselves.
    Verb.REACH_KEEP: _ALL,
    Verb.UNDELIVERED_READ: frozenset({_R.DUTY_OFFICER, _R.NATIONAL_DESK, _R.ADMIN}),
    Verb.YOUTH_ANSWER: frozenset({_R.YOUTH_CARE}),
    # Police, marechaussee and labour inspectorate must report, so a first responder may be the one who does.
    Verb.REPORT_KEEP: _CASE_HOLDERS | {_R.FIRST_RESPONDER},
    Verb.REPORT_CONFIRM: frozenset({_R.NATIONAL_DESK}),
    Verb.REPORTS_COUNT: frozenset({_R.NATIONAL_DESK, _R.NATIONAL_COORDINATOR}),
    Verb.NUMBERS_READ: _CASE_HOLDERS | {_R.COORDINATOR_REGIONAL, _R.MUNICIPALITY, _R.NATIONAL_COORDINATOR},
    # Tables of what was published, and how: nobody else has this page, and nobody may change what is on it.
    Verb.DATASET_READ: frozenset({_R.RAPPORTEUR}),
    # Made to be sent: to a municipality and region their own and the country's, to ministries all of them.
    Verb.STATEMENT_READ: frozenset(
        {_R.MUNICIPALITY, _R.COORDINATOR_REGIONAL, _R.NATIONAL_DESK, _R.NATIONAL_COORDINATOR, _R.MINISTRY}
    ),
    Verb.STATEMENT_CORRECT: frozenset({_R.NATIONAL_COORDINATOR}),
    Verb.COMPARISON_KEEP: frozenset({_R.NATIONAL_COORDINATOR}),
    # A provider says what its own rooms are good at; what a check found is for the national coordinator to record.
    Verb.QUALITY_KEEP: frozenset({_R.PROVIDER, _R.NATIONAL_COORDINATOR}),
    Verb.POLICY_READ: _ALL,
    Verb.POLICY_PROPOSE: frozenset({_R.ADMIN}),
    # Another administrator, or the desk; who wrote it never (nrm.rulebook.service).
    Verb.POLICY_DECIDE: frozenset({_R.ADMIN, _R.NATIONAL_DESK}),
    Verb.ACCOUNTS_READ: frozenset({_R.ADMIN}),
    Verb.REGIONS_READ: _ALL,
    # Everybody what their own phone would have done; the leader the script and everything that happened.
    Verb.EXERCISE_READ: _ALL,
    Verb.EXERCISE_LEAD: frozenset({_R.EXERCISE_LEADER}),
    Verb.SELF: _ALL,
}


@dataclass(frozen=True)
class Actor:
    """Who is asking: an account, its role, and the organisation it acts for."""

    account_id: str
    name: str
    role: Role
    organisation_id: str
    organisation_name: str
    organisation_kind: OrganisationKind
    region_code: str | None
    """The region an organisation works for; None for a national one."""
    on_shift: bool
    session_id: str
    authenticated_at: datetime
    """When a password was last given: releasing an address asks for a recent one."""

    @property
    def investigative(self) -> bool:
        return self.organisation_kind in INVESTIGATIVE


class CaseScope(Protocol):
    """What of a request decides who may see it."""

    @property
    def owner_organisation_id(self) -> str: ...
    @property
    def region_code(self) -> str: ...
    @property
    def submitted_by(self) -> str: ...
    @property
    def refuses_police(self) -> bool: ...


REGIONAL = frozenset({Role.COORDINATOR_REGIONAL, Role.MUNICIPALITY})
"""Roles that only ever see one region."""

NOWHERE = ""


def reach(actor: Actor) -> str | None:
    """The region the actor's organisation works for; None is the whole country.

    A regional role whose organisation has no region reaches nowhere: what was forgotten opens nothing.
    """
    return NOWHERE if actor.region_code is None and actor.role in REGIONAL else actor.region_code


def may(actor: Actor, verb: Verb) -> bool:
    """Whether the role may ask for this at all. A duty officer works only while on shift, a board apart."""
    if actor.role not in ROLES_OF.get(verb, frozenset()):
        return False
    if actor.role is Role.DUTY_OFFICER and verb in _ON_SHIFT_ONLY:
        return actor.on_shift
    return True


_ON_SHIFT_ONLY = frozenset(
    {
        Verb.PRE_ALERT_READ,
        Verb.REQUEST_SUBMIT,
        Verb.REQUEST_READ,
        Verb.REQUEST_CHANGE,
        Verb.OFFER_SEND,
        Verb.OFFER_READ,
        Verb.OFFER_ANSWER,
        Verb.OFFER_EXTEND,
        Verb.OFFER_CRISIS,
        Verb.ADDRESS_RELEASE,
        Verb.STAY_READ,
        Verb.STAY_ARRIVE,
        Verb.STAY_KEEP,
        Verb.BRIDGE_KEEP,
        Verb.REPORT_KEEP,
        Verb.ALARM_CLAIM,
        Verb.CALL_NOTE,
        Verb.HANDOVER_READ,
        Verb.NIGHT_LIST_MAKE,
        Verb.FIGURES_CHASE,
    }
)


def may_see_case(actor: Actor, case: CaseScope) -> bool:
    """Whether the actor may open this request with its proposals and history."""
    if not may(actor, Verb.REQUEST_READ):
        return False
    if case.refuses_police and actor.investigative:
        return False
    if actor.role is Role.DUTY_OFFICER:
        return actor.region_code is None or actor.region_code == case.region_code
    return case.owner_organisation_id == actor.organisation_id


def owns_case(actor: Actor, case: CaseScope) -> bool:
    """Whether the actor decides on this request: it belongs to the organisation they act for."""
    return may_see_case(actor, case) and case.owner_organisation_id == actor.organisation_id


def may_follow(actor: Actor, case: CaseScope) -> bool:
    """Whether a first responder may see the state of this request: their own, unless it refuses the police."""
    return (
        may(actor, Verb.REQUEST_FOLLOW)
        and case.submitted_by == actor.account_id
        and not (case.refuses_police and actor.investigative)
    )
