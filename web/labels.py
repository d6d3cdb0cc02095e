"""Codes and the Dutch words for them. A code without a label is shown by no screen: `label` refuses it."""

from web.words import N_

ROLES = {
    "coordinator": N_("zorgcoördinator"),
    "duty_officer": N_("piketdienst"),
    "first_responder": N_("eerste hulpverlener"),
    "provider": N_("opvangaanbieder"),
    "municipality": N_("gemeente"),
    "coordinator_regional": N_("ketenregisseur"),
    "national_desk": N_("landelijk loket"),
    "national_coordinator": N_("landelijk coördinator"),
    "rapporteur": N_("Nationaal Rapporteur"),
    "admin": N_("functioneel beheer"),
}
POOLS = {
    "COSM": N_("COSM (categorale opvang)"),
    "OMM": N_("OMM (opvang bij meerdere problemen)"),
    "NLA": N_("NLA-opvang"),
    "MUNICIPAL": N_("gemeentelijke opvang"),
}
URGENCIES = {
    "now": N_("nu meteen"),
    "today": N_("vandaag"),
    "soon": N_("binnenkort"),
    "planned": N_("gepland"),
}
BANDS = {
    "fresh": N_("vers"),
    "aging": N_("wordt ouder"),
    "stale": N_("verouderd"),
    "unknown": N_("onbekend"),
}
REQUEST_STATES = {
    "draft": N_("concept"),
    "open": N_("zoekt een plek"),
    "proposed": N_("voorstellen klaar"),
    "offered": N_("wacht op de opvang"),
    "awaiting_decision": N_("wacht op een besluit"),
    "accepted": N_("plek toegezegd"),
    "placed": N_("aangekomen"),
    "closed": N_("afgesloten"),
    "unmet": N_("nog geen plek"),
}
PLACE_STATES = {
    "free": N_("vrij"),
    "held": N_("vastgehouden"),
    "occupied": N_("bezet"),
    "out_of_service": N_("buiten gebruik"),
}
STANCES = {
    "accepts": N_("welkom"),
    "consult": N_("in overleg"),
    "excludes": N_("niet mogelijk"),
}
TRISTATE = {"yes": N_("ja"), "no": N_("nee"), "unknown": N_("weet niet")}

LABELS: dict[str, dict[str, str]] = {
    "role": ROLES,
    "pool": POOLS,
    "urgency": URGENCIES,
    "band": BANDS,
    "request_state": REQUEST_STATES,
    "place_state": PLACE_STATES,
    "stance": STANCES,
    "tristate": TRISTATE,
}


def label(kind: str, code: str) -> str:
    """The Dutch word for a code, still to be translated."""
    return LABELS[kind][code]
