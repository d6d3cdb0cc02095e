"""Which screens a role has, in the order of its menu. The first one is where it starts."""

from nrm.access.rules import Actor, Role
from web.pages import NavItem
from web.words import N_

REQUESTS = NavItem(N_("Aanvragen"), "/aanvragen")
NEW = NavItem(N_("Nieuwe aanvraag"), "/aanvragen/nieuw")
BOARD = NavItem(N_("Plekken in het land"), "/bord")
ANSWERS = NavItem(N_("Te beantwoorden"), "/antwoorden")
CONSENTS = NavItem(N_("Vooraf ja"), "/vooraf")
DECLINES = NavItem(N_("Afwijzingen"), "/afwijzingen")
HOUSES = NavItem(N_("Onze plekken"), "/opvang")
DUTY = NavItem(N_("Piketdienst"), "/piket")
CHASE = NavItem(N_("Navraag"), "/navraag")
CRITERIA = NavItem(N_("Onderwerpen"), "/onderwerpen")
FOLLOW = NavItem(N_("Mijn aanvragen"), "/gevolgd")
NUMBERS = NavItem(N_("Landelijk beeld"), "/landelijk")
STATEMENTS = NavItem(N_("Tekortoverzichten"), "/landelijk/tekort")
QUALITY = NavItem(N_("Kwaliteit"), "/kwaliteit")
REPEATS = NavItem(N_("Mogelijk dubbel"), "/herhalingen")
CHECKS = NavItem(N_("Geplande controles"), "/controles")
YOUTH = NavItem(N_("Minderjarigen"), "/jeugd")
REPORTS = NavItem(N_("Meldingen"), "/meldingen")
REPORTS_LATE = NavItem(N_("Meldingen"), "/meldingen/te-laat")
ACCOUNTS = NavItem(N_("Accounts"), "/beheer")
SETTLEMENTS = NavItem(N_("Verrekening"), "/verrekening")
SHARED = NavItem(N_("Gedeelde plekken"), "/gedeeld")
SHEETS = NavItem(N_("Plekken inlezen"), "/inlezen")
MORNING = NavItem(N_("Overdracht"), "/ochtend")
ROSTER = NavItem(N_("Rooster"), "/rooster")
OFFICE_HOURS = NavItem(N_("Kantooruren"), "/kantooruren")
AUTHORITY = NavItem(N_("Bevoegd gezag"), "/gezag")
DATASET = NavItem(N_("Cijfers"), "/rapporteur")
POLICY = NavItem(N_("Spelregels"), "/spelregels")
EXERCISE = NavItem(N_("Oefening"), "/oefening")

_OF_ROLE: dict[Role, tuple[NavItem, ...]] = {
    Role.COORDINATOR: (REQUESTS, NEW, MORNING, BOARD, REPORTS, CHECKS, POLICY),
    Role.DUTY_OFFICER: (DUTY, REQUESTS, NEW, ANSWERS, CHASE, BOARD, ROSTER, REPORTS, CHECKS, POLICY),
    Role.FIRST_RESPONDER: (FOLLOW, NEW, REPORTS, CHECKS, POLICY),
    Role.PROVIDER: (HOUSES, ANSWERS, CONSENTS, BOARD, QUALITY, SHEETS, OFFICE_HOURS, POLICY),
    Role.NATIONAL_DESK: (
        ANSWERS,
        REQUESTS,
        NEW,
        CHASE,
        REPORTS,
        REPEATS,
        DECLINES,
        CHECKS,
        NUMBERS,
        AUTHORITY,
        BOARD,
        CRITERIA,
        SHEETS,
        ROSTER,
        OFFICE_HOURS,
        POLICY,
    ),
    Role.COORDINATOR_REGIONAL: (NUMBERS, AUTHORITY, MORNING, BOARD, ROSTER, OFFICE_HOURS, POLICY),
    Role.MUNICIPALITY: (NUMBERS, ANSWERS, CONSENTS, SHARED, SETTLEMENTS, BOARD, OFFICE_HOURS, POLICY),
    Role.NATIONAL_COORDINATOR: (NUMBERS, AUTHORITY, REPORTS_LATE, QUALITY, BOARD, POLICY),
    Role.RAPPORTEUR: (DATASET, POLICY),
    Role.MINISTRY: (STATEMENTS, POLICY),
    Role.ADMIN: (ACCOUNTS, ROSTER, OFFICE_HOURS, SHEETS, POLICY),
    Role.YOUTH_CARE: (YOUTH, POLICY),
    Role.EXERCISE_LEADER: (EXERCISE, POLICY),
}
_DECIDING = (FOLLOW, NEW, ANSWERS, REPORTS, CHECKS, POLICY)


def nav_for(actor: Actor) -> tuple[NavItem, ...]:
    """The menu of this actor. Where policy says so the labour inspectorate and the police also answer for places."""
    if actor.role is Role.FIRST_RESPONDER and actor.organisation_kind in {"labour_inspectorate", "police"}:
        return _DECIDING
    return _OF_ROLE[actor.role]


def home_of(actor: Actor) -> str:
    """Where this actor starts."""
    return nav_for(actor)[0].href
