"""Which screens a role has, in the order of its menu. The first one is where it starts."""

from nrm.access.rules import Actor, Role
from web.pages import NavItem
from web.words import N_

REQUESTS = NavItem(N_("Aanvragen"), "/aanvragen")
NEW = NavItem(N_("Nieuwe aanvraag"), "/aanvragen/nieuw")
BOARD = NavItem(N_("Plekken in het land"), "/bord")
ANSWERS = NavItem(N_("Te beantwoorden"), "/antwoorden")
HOUSES = NavItem(N_("Onze plekken"), "/opvang")
DUTY = NavItem(N_("Piketdienst"), "/piket")
FOLLOW = NavItem(N_("Mijn aanvragen"), "/gevolgd")
NUMBERS = NavItem(N_("Landelijk beeld"), "/landelijk")
ACCOUNTS = NavItem(N_("Accounts"), "/beheer")
SETTLEMENTS = NavItem(N_("Verrekening"), "/verrekening")
POLICY = NavItem(N_("Spelregels"), "/spelregels")

_OF_ROLE: dict[Role, tuple[NavItem, ...]] = {
    Role.COORDINATOR: (REQUESTS, NEW, BOARD, POLICY),
    Role.DUTY_OFFICER: (DUTY, REQUESTS, NEW, BOARD, POLICY),
    Role.FIRST_RESPONDER: (FOLLOW, NEW, POLICY),
    Role.PROVIDER: (HOUSES, ANSWERS, BOARD, POLICY),
    Role.NATIONAL_DESK: (ANSWERS, REQUESTS, NEW, NUMBERS, BOARD, POLICY),
    Role.COORDINATOR_REGIONAL: (NUMBERS, BOARD, POLICY),
    Role.MUNICIPALITY: (NUMBERS, SETTLEMENTS, BOARD, POLICY),
    Role.NATIONAL_COORDINATOR: (NUMBERS, BOARD, POLICY),
    Role.RAPPORTEUR: (POLICY,),
    Role.ADMIN: (ACCOUNTS, POLICY),
}
_INSPECTORATE = (FOLLOW, NEW, ANSWERS, POLICY)


def nav_for(actor: Actor) -> tuple[NavItem, ...]:
    """The menu of this actor. The labour inspectorate also answers for NLA places."""
    if actor.role is Role.FIRST_RESPONDER and actor.organisation_kind == "labour_inspectorate":
        return _INSPECTORATE
    return _OF_ROLE[actor.role]


def home_of(actor: Actor) -> str:
    """Where this actor starts."""
    return nav_for(actor)[0].href
