"""Words for what stands in a policy: every kind, every value, its unit, and what changed from what into what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from nrm.policy import KINDS, Policy
from nrm.rulebook.rules import Difference, Leaf, Sort, leaves
from nrm.world.figures import region_names
from web.labels import AFTERCARE_ITEMS, POOLS, URGENCIES, label
from web.words import N_, Words

KIND_NAMES: dict[str, str] = {
    "freshness": N_("Hoe oud een stand mag zijn"),
    "ladder": N_("Termijnen en alarmladder"),
    "hold": N_("Vasthouden van een plek"),
    "intake": N_("Grenzen bij het aanvragen"),
    "authority": N_("Wie beslist, en kantooruren"),
    "pools": N_("Voor wie een soort opvang is"),
    "matching": N_("Zoeken naar een plek"),
    "rhythm": N_("Herinneringen aan de opvang"),
    "trust": N_("Betrouwbaarheid van een stand"),
    "course": N_("Overbruggen, verblijven en nazorg"),
    "youth": N_("Minderjarigen alleen"),
    "reporting": N_("Melding aan CoMensha"),
    "roster": N_("Rooster"),
    "handover": N_("Overdracht en noodlijst"),
    "statement": N_("Tekortoverzichten"),
    "capacity": N_("Minste aantal plekken per regio"),
}

NAMES: dict[str, str] = {
    "freshness.bands.fresh_minutes": N_("Vers tot"),
    "freshness.bands.aging_minutes": N_("Wordt ouder tot"),
    "ladder.deadline_minutes": N_("Termijn tot het eerste alarm"),
    "ladder.near_minutes": N_("Alarm zo lang voor de termijn, als nog niemand gevraagd is"),
    "ladder.unproposed_minutes": N_("Alarm na zo lang zonder voorstel"),
    "ladder.unanswered_minutes": N_("Alarm na zo lang zonder antwoord op een vraag"),
    "ladder.lapse_near_minutes": N_("Alarm zo lang voor een plek vrijvalt"),
    "ladder.stale_minutes": N_("Alarm als een stand zo lang verouderd is"),
    "ladder.feedback_minutes": N_("Alarm als een melder zo lang niets hoort"),
    "ladder.transfer_minutes": N_("Alarm als een overdracht zo lang wacht"),
    "ladder.unconditional_floor": N_("Alarm onder zoveel vrije onvoorwaardelijke plekken"),
    "ladder.capacity_floor": N_("Alarm onder zoveel plekken over in een regio"),
    "ladder.silent_offers": N_("Alarm na zoveel vragen zonder antwoord van één huis"),
    "ladder.claim_minutes": N_("Wie een alarm op zich neemt, heeft"),
    "ladder.responsible_minutes": N_("Een verantwoordelijke mag stil zijn"),
    "ladder.merge_minutes": N_("Oorzaken samen melden binnen"),
    "ladder.authority_answer_minutes": N_("Het bevoegd gezag heeft, als u niets anders kiest"),
    "ladder.authority_reminder_minutes": N_("Herinnering aan het bevoegd gezag zo lang voor de termijn"),
    "ladder.authority_returns_days": N_("Een gesloten opschaling komt terug met haar oorzaak tot"),
    "ladder.lines": N_("Regels van de ladder"),
    "hold.hold_minutes": N_("Zo lang wordt een plek vastgehouden"),
    "hold.hold_minutes_of_pool": N_("Anders voor deze soort opvang"),
    "hold.extension_minutes": N_("Verlengen met"),
    "hold.extensions_max": N_("Zo vaak mag verlengd worden"),
    "hold.asked_at_once_max": N_("Zoveel opvanglocaties tegelijk vragen"),
    "hold.silent_minutes": N_("Zo lang overslaan na geen antwoord"),
    "hold.no_staff_minutes": N_("Zo lang overslaan zonder begeleiding"),
    "intake.marks_per_day_max": N_("Kenmerken per dag en account"),
    "intake.marks_days": N_("Zo lang telt een kenmerk"),
    "intake.pre_alert_days_max": N_("Zo ver vooruit mag een geplande controle"),
    "authority.deciders": N_("Deze moeten ja zeggen"),
    "authority.office_hours.weekdays": N_("Kantoordagen"),
    "authority.office_hours.opens": N_("Kantoor open om"),
    "authority.office_hours.closes": N_("Kantoor dicht om"),
    "authority.office_hours.holidays": N_("Dicht op"),
    "authority.deciders_after_hours": N_("Buiten kantooruren moeten ja zeggen"),
    "authority.deciders_crisis_after_hours": N_("Bij een crisisbed buiten kantooruren"),
    "authority.consent_days_max": N_("Vooraf ja zeggen voor hoogstens"),
    "authority.crisis_after_minutes": N_("Plaatsen met goedkeuring achteraf mag na"),
    "authority.approval_minutes": N_("Goedkeuren hoort binnen"),
    "pools.rules.residences": N_("Voor wie, naar verblijfsrecht"),
    "pools.rules.exploitations": N_("Voor wie, naar vorm van uitbuiting"),
    "pools.rules.any_criterion": N_("Voor wie, naar onderwerp"),
    "matching.risk": N_("Gewicht: kans op een nee of wachttijd"),
    "matching.scarcity": N_("Gewicht: schaarse plekken sparen"),
    "matching.scarcity_omm": N_("Hoe schaars een OMM-plek is"),
    "matching.scarcity_unconditional": N_("Hoe schaars een onvoorwaardelijke plek is"),
    "matching.claim_indicated": N_("Voorrang op zo’n plek voor wie hem nodig heeft"),
    "matching.reserve_points": N_("Plekken bewaren voor wie nog komt (0 is uit)"),
    "matching.reserve_days": N_("Wie er komt, naar de laatste"),
    "matching.alternatives": N_("Andere voorstellen naast het eerste"),
    "matching.budget_ms": N_("Rekentijd voor het zoeken"),
    "matching.lend_at_once": N_("Wacht nooit op uitlenen"),
    "matching.latest_days": N_("Ook goed als de plek vrijkomt binnen"),
    "rhythm.before_minutes": N_("Herinnering zo lang van tevoren"),
    "rhythm.again_minutes": N_("Als de stand verouderd is, opnieuw na"),
    "rhythm.again_max": N_("Hoe vaak opnieuw"),
    "rhythm.opens": N_("Herinneringen vanaf"),
    "rhythm.closes": N_("Herinneringen tot"),
    "rhythm.link_minutes": N_("Een link werkt"),
    "rhythm.ask_again_minutes": N_("Niet opnieuw vragen binnen"),
    "rhythm.closure_ahead_days": N_("Een gesloten plek voorleggen"),
    "rhythm.review_ahead_days": N_("Een toelatingsregel voorleggen"),
    "rhythm.agreement_ahead_days": N_("Einde van contract of geld aankondigen"),
    "rhythm.review_again_days": N_("Een regel die blijft, komt terug na"),
    "trust.days": N_("Telt over de laatste"),
    "trust.prior_refused": N_("Alsof er eerder zo vaak nee kwam"),
    "trust.prior_kept": N_("Alsof er eerder zo vaak ja kwam"),
    "course.bridge_pace_percent": N_("Met een overbrugging is elke termijn nog"),
    "course.emergency_days_max": N_("Noodopvang is hoogstens"),
    "course.emergency_pools": N_("Altijd noodopvang"),
    "course.follow_on_days": N_("Vervolgplek nodig binnen"),
    "course.stay_days_max": N_("Langste verblijf"),
    "course.aftercare_days": N_("Nazorg klaar binnen"),
    "course.b8_ahead_days": N_("Einde van een B8 aankondigen"),
    "youth.foreign_residences": N_("Eerst Nidos vragen bij"),
    "reporting.due_days": N_("Melden hoort binnen"),
    "roster.plan_days": N_("Vaste diensten uitschrijven voor de komende"),
    "roster.gap_days": N_("Gaten laten zien voor de komende"),
    "roster.gap_alarm_hours": N_("Een gat is een alarm zo lang van tevoren"),
    "handover.acknowledge_minutes": N_("Zo lang na een overdracht zonder bevestiging gaat er weer een bericht"),
    "handover.rings_max": N_("Zo vaak gaat dat bericht hoogstens"),
    "handover.list_at": N_("De noodlijst wordt elke avond klaargezet om"),
    "handover.list_minutes": N_("Een noodlijst geldt"),
    "handover.news_days_max": N_("Wie dienst krijgt, ziet hoogstens terug"),
    "statement.after_days": N_("Een tekortoverzicht wordt gemaakt na zoveel dagen"),
    "statement.made_at": N_("Een tekortoverzicht wordt gemaakt om"),
    "capacity.places_min": N_("Minste aantal plekken"),
}

UNITS: dict[str, str] = {
    "minutes": N_("minuten"),
    "hours": N_("uur"),
    "days": N_("dagen"),
    "percent": N_("procent"),
    "ms": N_("milliseconden"),
}

TRIGGER_NAMES: dict[str, str] = {
    "deadline": N_("termijn voorbij"),
    "deadline_near": N_("termijn bijna voorbij"),
    "no_proposal": N_("geen voorstel"),
    "only_stale": N_("alleen verouderde standen"),
    "offer_unanswered": N_("vraag zonder antwoord"),
    "hold_near_lapse": N_("plek valt bijna vrij"),
    "all_declined": N_("iedereen zei nee"),
    "bridge": N_("overbrugging in gebruik"),
    "police_cell": N_("politiecel"),
    "apart_conflict": N_("moeten apart blijven"),
    "figures_stale": N_("stand verouderd"),
    "unconditional_low": N_("weinig onvoorwaardelijke plekken"),
    "nobody_authorised": N_("niemand die mag beslissen"),
    "minor_alone": N_("minderjarige alleen"),
    "roster_gap": N_("gat in het rooster"),
    "b8_end": N_("B8 loopt af"),
    "no_destination": N_("vertrek zonder bestemming"),
    "no_feedback": N_("melder hoort niets"),
    "capacity_short": N_("tekort in een regio"),
    "cooperation_stalled": N_("samenwerking stokt"),
    "decision_overdue": N_("besluit blijft uit"),
}

RUNG_ROLES: dict[str, str] = {
    "owner": N_("wie de aanvraag heeft"),
    "duty_officer": N_("piketdienst"),
    "second_duty_officer": N_("tweede piketdienst"),
    "coordinator_regional": N_("ketenregisseur"),
    "municipality": N_("centrumgemeente"),
    "national_desk": N_("landelijk loket"),
    "national_coordinator": N_("landelijk coördinator"),
    "authority": N_("bevoegd gezag (opent de landelijk coördinator)"),
}

_LINE_HOURS = {"office": N_("in kantooruren"), "after_hours": N_("buiten kantooruren")}

_KEYS = ((POOLS, "pool"), (URGENCIES, "urgency"), (AFTERCARE_ITEMS, "aftercare_item"))
_CHOICES = {
    "weekdays": "weekday",
    "holidays": "holiday",
    "lend_at_once": "urgency",
    "emergency_pools": "pool",
    "residences": "residence",
    "foreign_residences": "residence",
    "exploitations": "exploitation",
    "any_criterion": "criterion",
}
MINUTES_SHOWN_BARE = 60


@dataclass(frozen=True)
class ChangeLine:
    """One thing that a draft changes, in words."""

    id: str
    what: str
    before: str
    after: str


def name_of(words: Words, kind: type[Policy], leaf: Leaf) -> str:
    """What a value is, and for which pool or urgency."""
    name = words.gettext(NAMES[".".join((kind.kind, *leaf.names))])
    keys = [_key(words, key) for key in leaf.keys]
    return f"{name}: {', '.join(keys)}" if keys else name


def unit_of(words: Words, leaf: Leaf) -> str:
    """In what a number is counted; nothing for a bare number."""
    said = leaf.names[-1].split("_")
    return next((words.gettext(UNITS[unit]) for unit in UNITS if unit in said), "")


def choice_words(words: Words, leaf: Leaf, code: str) -> str:
    """The word for one choice."""
    return words.gettext(label("decider" if leaf.each else _CHOICES[leaf.names[-1]], code))


def value_words(words: Words, leaf: Leaf, value: Any) -> str:
    """A value as people say it."""
    if value is None:
        if leaf.nullable:
            return words.gettext("nooit") if leaf.sort is Sort.NUMBER else words.gettext("alle")
        return words.gettext("niet geregeld")
    if leaf.sort is Sort.NUMBER:
        return number_words(words, leaf, value)
    if leaf.sort is Sort.TIME:
        return str(value)[:5]
    codes = [one[leaf.each] if leaf.each else one for one in value]
    return ", ".join(choice_words(words, leaf, code) for code in codes) or words.gettext("geen")


def number_words(words: Words, leaf: Leaf, value: int) -> str:
    """A number with its unit; many minutes also as hours or days, which are rounded down."""
    unit = unit_of(words, leaf)
    text = f"{words.number(value)} {unit}".strip()
    if unit == words.gettext(UNITS["minutes"]) and value >= MINUTES_SHOWN_BARE:
        return f"{text} ({words.duration(timedelta(minutes=value))})"
    return text


def changes(words: Words, kind: type[Policy], found: Sequence[Difference]) -> list[ChangeLine]:
    """What differs between two bodies, line by line in words."""
    known = {leaf.path: leaf for leaf in leaves(kind)}
    lines: list[ChangeLine] = []
    for one in found:
        leaf = known[one.path]
        if leaf.sort is Sort.LINES:
            lines += _line_changes(words, one.before or (), one.after or ())
            continue
        before, after = (value_words(words, leaf, value) for value in (one.before, one.after))
        lines.append(ChangeLine(".".join(one.path), name_of(words, kind, leaf), before, after))
    return lines


def line_words(words: Words, line: Mapping[str, Any], regions: Mapping[str, str]) -> str:
    """For what a line of the ladder holds."""
    said = [
        ", ".join(words.gettext(TRIGGER_NAMES[code]) for code in line["triggers"]),
        ", ".join(words.gettext(URGENCIES[code]) for code in line["urgencies"]),
        words.gettext(_LINE_HOURS[line["hours"]]) if line["hours"] else "",
        ", ".join(regions.get(code, code) for code in line["regions"]),
    ]
    return "; ".join(part for part in said if part) or words.gettext("al het andere")


def rungs_words(words: Words, line: Mapping[str, Any]) -> str:
    """Whom a line of the ladder tells, in order."""
    return ", ".join(
        f"{words.gettext(RUNG_ROLES[rung['role']])} +{words.number(rung['after_minutes'])}" for rung in line["rungs"]
    )


def _line_changes(words: Words, before: Sequence[Any], after: Sequence[Any]) -> list[ChangeLine]:
    """Which lines of the ladder came, went, or tell others."""
    nothing = words.gettext("geen regel")
    old = {line_words(words, line, {}): line for line in before}
    new = {line_words(words, line, {}): line for line in after}
    what = words.gettext(NAMES["ladder.lines"])
    found = [
        ChangeLine(
            f"lines.{number}",
            f"{what}: {scope}",
            rungs_words(words, old[scope]) if scope in old else nothing,
            rungs_words(words, new[scope]) if scope in new else nothing,
        )
        for number, scope in enumerate({**old, **new})
        if old.get(scope) != new.get(scope)
    ]
    kept_before, kept_after = [one for one in old if one in new], [one for one in new if one in old]
    if kept_before != kept_after:
        order = words.gettext("Volgorde van de regels")
        found.append(ChangeLine("lines.order", order, " → ".join(kept_before), " → ".join(kept_after)))
    return found


def kind_names(words: Words) -> Mapping[str, str]:
    """Every kind of policy in words, in the order of the book."""
    return {kind.kind: words.gettext(KIND_NAMES[kind.kind]) for kind in KINDS}


def _key(words: Words, code: str) -> str:
    named = next((words.gettext(label(kind, code)) for codes, kind in _KEYS if code in codes), None)
    # What is no code of ours is a region: its name is the same in every language.
    return named or region_names()[code]
