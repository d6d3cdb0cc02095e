"""Reading the registry: regions, locations, and every unit with the derived state of its places."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import ColumnElement, func
from sqlmodel import col, select

from nrm import policy
from nrm.access.models import Organisation
from nrm.db import Tx
from nrm.errors import NotFound
from nrm.registry import rules
from nrm.registry.models import (
    AdmissionRule,
    Agreement,
    Claim,
    Closure,
    Confirmation,
    Criterion,
    Designation,
    Location,
    Municipality,
    Place,
    Region,
    SealedAddress,
    Share,
    Unit,
)
from nrm.registry.rules import ClaimKind, Freshness, FreshnessBand, PlaceState, Stance, Use
from nrm.registry.schemas import AgreementOut, ShareOut

REVIEWS_MAX = 500


@dataclass(frozen=True)
class RuleToReview:
    """An admission rule whose review date is near or past; `unit_code` when it is of one unit only."""

    rule: AdmissionRule
    location: Location
    organisation: Organisation
    unit_code: str | None


@dataclass(frozen=True)
class PlaceView:
    """One place with its derived state, and the claim or closure behind it."""

    id: str
    label: str
    state: PlaceState
    claim_id: str | None
    holder: str | None
    closure_reason: str | None
    closure_expected_end: date | None

    @property
    def closed(self) -> bool:
        """Whether its provider took it out of service; a regular bed that is not lent is out of service unclosed."""
        return self.closure_reason is not None


@dataclass(frozen=True)
class UnitView:
    """One unit with its places and the stance that holds for each criterion."""

    unit: Unit
    places: tuple[PlaceView, ...]
    stances: dict[str, Stance]
    unconditional: bool
    designation: Designation | None = None
    """The one in force now."""
    doubted: bool = False
    """Whether it turned out full although listed free, and nobody confirmed the figures since."""

    @property
    def lent(self) -> bool:
        """Whether the room may serve here now: a regular one only while it is designated as a crisis bed."""
        return self.unit.use != Use.REGULAR or self.designation is not None

    @property
    def crisis(self) -> bool:
        """Whether it is a crisis bed now."""
        return self.unit.use == Use.CRISIS or self.designation is not None

    def count(self, state: PlaceState) -> int:
        return sum(place.state is state for place in self.places)

    @property
    def free_for_offer(self) -> int:
        """Places an offer could hold now. A private unit with anybody in it has none."""
        free = self.count(PlaceState.FREE)
        taken = self.count(PlaceState.OCCUPIED) + self.count(PlaceState.HELD)
        return 0 if self.unit.private and taken else free


@dataclass(frozen=True)
class LocationView:
    """One location with its units, freshness and whether it takes people in now."""

    location: Location
    organisation: Organisation
    units: tuple[UnitView, ...]
    freshness: Freshness
    confirmed_at: datetime | None
    paused: bool
    intake_open: bool
    agreement: Agreement | None = None
    owners: frozenset[str] = frozenset()
    """The regions of the municipalities that pay for it jointly; empty when nobody does."""

    def count(self, state: PlaceState) -> int:
        return sum(unit.count(state) for unit in self.units)

    def trusted(self, unit: UnitView) -> bool:
        """Whether what is free in a room of this location may be counted as free."""
        return self.freshness.band in rules.TRUSTED and not unit.doubted

    @property
    def places(self) -> int:
        return sum(len(unit.places) for unit in self.units)

    @property
    def figures(self) -> str:
        """What a confirmation confirms, as one text: how many places are in which state, and whether intake is open."""
        return "-".join(str(self.count(state)) for state in PlaceState) + ("-paused" if self.paused else "")


@dataclass(frozen=True)
class BoardRow:
    """Numbers of one region and pool. Free counts only where the figure may be trusted; stale is apart."""

    region_code: str
    pool: str
    free: int = 0
    stale: int = 0
    held: int = 0
    occupied: int = 0
    out_of_service: int = 0
    unconditional_free: int = 0
    locations: int = 0
    locations_trusted: int = 0
    oldest_minutes: int | None = field(default=None, compare=False)

    @property
    def places(self) -> int:
        return self.free + self.stale + self.held + self.occupied + self.out_of_service


def regions(tx: Tx) -> list[Region]:
    """The regions valid today, by code."""
    return list(tx.session.exec(select(Region).where(*_in_force(Region, tx)).order_by(Region.code)).all())


def municipalities(tx: Tx, day: date | None = None) -> list[Municipality]:
    """The municipalities valid on a day, or today, by name."""
    query = select(Municipality).where(*_in_force(Municipality, tx, day)).order_by(Municipality.name)
    return list(tx.session.exec(query).all())


def _in_force(
    listed: type[Region] | type[Municipality], tx: Tx, day: date | None = None
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """What holds for a row of an official list that is in force on a day, or today."""
    day = day or tx.now.date()
    until = col(listed.valid_until)
    return col(listed.valid_from) <= day, until.is_(None) | (until > day)


def zones(tx: Tx) -> Mapping[str, Mapping[str, int]]:
    """The zone class from each region to each other."""
    query = select(Region.code, Region.lat, Region.lon).where(*_in_force(Region, tx)).order_by(Region.code)
    return rules.zone_classes(tuple((code, lat, lon) for code, lat, lon in tx.session.exec(query)))


def criteria(tx: Tx) -> list[str]:
    """The national list of criteria in force, in its order."""
    return list(tx.session.exec(select(Criterion.code).where(col(Criterion.active)).order_by(col(Criterion.position))))


def all_criteria(tx: Tx) -> list[Criterion]:
    """Every criterion that is or was on the national list, in its order, those in force first."""
    return list(tx.session.exec(select(Criterion).order_by(col(Criterion.active).desc(), col(Criterion.position))))


def location(tx: Tx, location_id: str, for_update: bool = False) -> Location:
    """One location; `for_update` locks its row until the transaction ends. Raises NotFound."""
    query = select(Location).where(Location.id == location_id)
    if for_update:
        # Not the key: a row that refers to this one may be written meanwhile, and never waits for us.
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = tx.session.exec(query).first()
    if found is None:
        raise NotFound("no_location")
    return found


def location_of_unit(tx: Tx, unit_id: str) -> str:
    """The id of the location a unit belongs to. Raises NotFound."""
    found = tx.session.exec(select(Unit.location_id).where(Unit.id == unit_id)).first()
    if found is None:
        raise NotFound("no_unit")
    return found


def location_of_place(tx: Tx, place_id: str) -> str:
    """The id of the location a place belongs to. Raises NotFound."""
    found = tx.session.exec(
        select(Unit.location_id).join(Place, col(Place.unit_id) == Unit.id).where(Place.id == place_id)
    ).first()
    if found is None:
        raise NotFound("no_place")
    return found


def locations(tx: Tx, organisation_id: str | None = None, location_id: str | None = None) -> list[LocationView]:
    """Every location (of an organisation, or just one) with units, places, stances and freshness, by code."""
    query = select(Location, Organisation).join(Organisation, col(Organisation.id) == Location.organisation_id)
    if organisation_id is not None:
        query = query.where(Location.organisation_id == organisation_id)
    if location_id is not None:
        query = query.where(Location.id == location_id)
    chosen = list(tx.session.exec(query.order_by(Location.code)))
    ids = None if organisation_id is None and location_id is None else [found.id for found, _ in chosen]
    confirmed = _confirmed(tx, ids)
    units = _units(tx, ids, confirmed)
    _, bands = policy.current(tx, policy.Freshness)
    agreements, owners = _agreements(tx, ids)
    return [
        LocationView(
            location=found,
            organisation=organisation,
            units=tuple(units.get(found.id, ())),
            freshness=rules.freshness(bands.bands[found.pool], confirmed.get(found.id), tx.now),  # type: ignore[index]
            confirmed_at=confirmed.get(found.id),
            paused=rules.paused(found.pause_reason, found.pause_until, tx.now),
            intake_open=rules.intake_open(found.intake_opens, found.intake_closes, tx.now),
            agreement=agreements.get(found.id),
            owners=frozenset(owners.get(found.id, ())),
        )
        for found, organisation in chosen
    ]


def agreement(tx: Tx, location_id: str) -> AgreementOut:
    """What is agreed about a location; nothing yet is version 0."""
    found = tx.session.get(Agreement, location_id)
    return agreement_out(found, shares(tx, [location_id]).get(location_id, []))


def first_days_max(tx: Tx, location_id: str) -> int | None:
    """How many days a first period lasts at most by the agreement of a location, if that says so."""
    return tx.session.exec(select(Agreement.first_days_max).where(Agreement.location_id == location_id)).first()


def agreement_out(found: Agreement | None, paid_by: list[tuple[Share, Municipality]]) -> AgreementOut:
    """An agreement in the shape in which it is shown."""
    if found is None:
        return AgreementOut(shares=[])
    return AgreementOut(
        shares=[
            ShareOut(
                municipality=share.municipality_code, name=payer.name, region_code=payer.region_code, parts=share.parts
            )
            for share, payer in paid_by
        ],
        lend_after_hours=found.lend_after_hours,
        first_days_max=found.first_days_max,
        ring_fenced=found.ring_fenced,
        contract_ends_on=found.contract_ends_on,
        funding_ends_on=found.funding_ends_on,
        version=found.version,
    )


def shares(tx: Tx, location_ids: list[str]) -> dict[str, list[tuple[Share, Municipality]]]:
    """Location → the shares in it with their municipality as it is now, largest share first."""
    found: dict[str, list[tuple[Share, Municipality]]] = {}
    query = (
        select(Share, Municipality)
        .join(Municipality, col(Municipality.code) == Share.municipality_code)
        .where(col(Share.location_id).in_(location_ids), *_in_force(Municipality, tx))
        .order_by(col(Share.parts).desc(), Share.municipality_code)
    )
    for share, payer in tx.session.exec(query):
        found.setdefault(share.location_id, []).append((share, payer))
    return found


def _agreements(tx: Tx, location_ids: list[str] | None) -> tuple[dict[str, Agreement], dict[str, set[str]]]:
    """Location → its agreement, and → the regions of the municipalities that pay for it."""
    query = select(Agreement)
    owner_query = (
        select(Share.location_id, Municipality.region_code)
        .join(Municipality, col(Municipality.code) == Share.municipality_code)
        .where(*_in_force(Municipality, tx))
    )
    if location_ids is not None:
        query = query.where(col(Agreement.location_id).in_(location_ids))
        owner_query = owner_query.where(col(Share.location_id).in_(location_ids))
    owners: dict[str, set[str]] = {}
    for location_id, region_code in tx.session.exec(owner_query):
        owners.setdefault(location_id, set()).add(region_code)
    return {found.location_id: found for found in tx.session.exec(query)}, owners


def board(tx: Tx, region_code: str | None = None) -> list[BoardRow]:
    """The numbers per region and pool, of one region or of all, by region and pool."""
    return board_rows(locations(tx), region_code)


def board_rows(views: Iterable[LocationView], region_code: str | None = None) -> list[BoardRow]:
    """The same of locations that were read already."""
    rows: dict[tuple[str, str], BoardRow] = {}
    for view in views:
        found = view.location
        if region_code is not None and found.region_code != region_code:
            continue
        key = (found.region_code, found.pool)
        row = rows.get(key, BoardRow(*key))
        rooms = () if view.paused else view.units
        free = sum(unit.free_for_offer for unit in rooms)
        sure = [unit for unit in rooms if view.trusted(unit)]
        surely_free = sum(unit.free_for_offer for unit in sure)
        age = view.freshness.age_minutes
        rows[key] = BoardRow(
            *key,
            free=row.free + surely_free,
            stale=row.stale + free - surely_free,
            held=row.held + view.count(PlaceState.HELD),
            occupied=row.occupied + view.count(PlaceState.OCCUPIED),
            # A free bed nobody can have (the house takes no one in, the room is somebody's) is out of service.
            out_of_service=row.out_of_service
            + view.count(PlaceState.OUT_OF_SERVICE)
            + view.count(PlaceState.FREE)
            - free,
            unconditional_free=row.unconditional_free + sum(unit.free_for_offer for unit in sure if unit.unconditional),
            locations=row.locations + 1,
            locations_trusted=row.locations_trusted + (view.freshness.band in rules.TRUSTED),
            oldest_minutes=max((x for x in (row.oldest_minutes, age) if x is not None), default=None),
        )
    return [rows[key] for key in sorted(rows)]


def to_check(tx: Tx, region_code: str | None = None) -> list[LocationView]:
    """The locations of a region, or of all, whose figure is not fresh: unknown first, then the oldest."""
    found = [
        view
        for view in locations(tx)
        if region_code in {None, view.location.region_code} and view.freshness.band is not FreshnessBand.FRESH
    ]
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda view: (view.confirmed_at or never, view.location.code))


def rules_to_review(tx: Tx, by: date, organisation_id: str | None = None) -> list[RuleToReview]:
    """Admission rules in force on the national list whose review date is this day or earlier, oldest date first."""
    query = (
        select(AdmissionRule, Location, Organisation, Unit)
        .join(Location, col(Location.id) == AdmissionRule.location_id)
        .join(Organisation, col(Organisation.id) == Location.organisation_id)
        .join(Criterion, col(Criterion.code) == AdmissionRule.criterion)
        .outerjoin(Unit, col(Unit.id) == AdmissionRule.unit_id)
        .where(col(AdmissionRule.ended_at).is_(None), col(AdmissionRule.review_on) <= by, col(Criterion.active))
        .order_by(col(AdmissionRule.review_on), Location.code, AdmissionRule.criterion)
        .limit(REVIEWS_MAX)
    )
    if organisation_id is not None:
        query = query.where(Location.organisation_id == organisation_id)
    return [
        RuleToReview(rule, location, organisation, unit.code if unit else None)
        for rule, location, organisation, unit in tx.session.exec(query)
    ]


def rule_history(tx: Tx, location_id: str, criterion: str) -> list[AdmissionRule]:
    """Everything a location and its units ever said to a criterion, newest first."""
    found = tx.session.exec(
        select(AdmissionRule)
        .where(AdmissionRule.location_id == location_id, AdmissionRule.criterion == criterion)
        .order_by(col(AdmissionRule.valid_from).desc(), AdmissionRule.id)
        .limit(REVIEWS_MAX)
    )
    for_ever = datetime.max.replace(tzinfo=UTC)
    # One that was replaced in the instant it was made comes before what replaced it.
    return sorted(found, key=lambda rule: (rule.valid_from, rule.ended_at or for_ever), reverse=True)


def newest_confirmation(tx: Tx, location_id: str) -> Confirmation | None:
    """The last time somebody said that the figures of a location are right, as far as that is not in the future."""
    return tx.session.exec(
        select(Confirmation)
        .where(Confirmation.location_id == location_id, col(Confirmation.confirmed_at) <= tx.now + rules.CLOCK_SKEW)
        .order_by(col(Confirmation.confirmed_at).desc(), col(Confirmation.id).desc())
        .limit(1)
    ).first()


def has_address(tx: Tx, location_id: str) -> bool:
    """Whether an address is sealed for this location; not what it is."""
    query = select(SealedAddress.location_id).where(SealedAddress.location_id == location_id)
    return tx.session.exec(query).first() is not None


def live_rules(tx: Tx, location_id: str) -> list[AdmissionRule]:
    """The admission rules in force at a location, its units' included."""
    return list(
        tx.session.exec(
            select(AdmissionRule)
            .where(AdmissionRule.location_id == location_id, col(AdmissionRule.ended_at).is_(None))
            .order_by(AdmissionRule.criterion, col(AdmissionRule.unit_id))
        ).all()
    )


def _confirmed(tx: Tx, location_ids: list[str] | None) -> dict[str, datetime]:
    # One from the future, said while a clock was wrong, must not hide what is said after the clock was put right.
    # The newest of each is looked up by itself: after ten years there are millions, of a few hundred locations.
    newest = (
        select(func.max(Confirmation.confirmed_at))
        .where(
            col(Confirmation.location_id) == Location.id,
            col(Confirmation.confirmed_at) <= tx.now + rules.CLOCK_SKEW,
        )
        .scalar_subquery()
    )
    query = select(Location.id, newest)
    if location_ids is not None:
        query = query.where(col(Location.id).in_(location_ids))
    return {location_id: at for location_id, at in tx.session.exec(query) if at is not None}


def _units(tx: Tx, location_ids: list[str] | None, confirmed: Mapping[str, datetime]) -> dict[str, list[UnitView]]:
    """Units per location. Six flat queries rather than a join per place: the board reads thousands of them.

    What there are thousands of is read as columns: an object of each would cost more than everything else here.
    """
    query = select(Unit).order_by(Unit.location_id, Unit.code)
    rule_query = select(
        AdmissionRule.location_id, AdmissionRule.unit_id, AdmissionRule.criterion, AdmissionRule.stance
    ).where(col(AdmissionRule.ended_at).is_(None))
    place_query = select(Place.id, Place.unit_id, Place.label).order_by(Place.unit_id, Place.label)
    closure_query = select(Closure.place_id, Closure.reason, col(Closure.expected_end)).where(
        col(Closure.ended_at).is_(None)
    )
    claim_query = select(Claim.place_id, Claim.id, Claim.kind, Claim.holder).where(col(Claim.ended_at).is_(None))
    designation_query = select(Designation).where(col(Designation.ended_at).is_(None))
    if location_ids is not None:
        query = query.where(col(Unit.location_id).in_(location_ids))
        rule_query = rule_query.where(col(AdmissionRule.location_id).in_(location_ids))
        of_units = select(Unit.id).where(col(Unit.location_id).in_(location_ids))
        place_query = place_query.where(col(Place.unit_id).in_(of_units))
        designation_query = designation_query.where(col(Designation.unit_id).in_(of_units))
        of_places = select(Place.id).where(col(Place.unit_id).in_(of_units))
        closure_query = closure_query.where(col(Closure.place_id).in_(of_places))
        claim_query = claim_query.where(col(Claim.place_id).in_(of_places))

    national = criteria(tx)
    of_location: dict[str, dict[str, Stance]] = {}
    of_unit: dict[str, dict[str, Stance]] = {}
    for location_id, unit_id, criterion, stance in tx.session.exec(rule_query):
        target = of_unit.setdefault(unit_id, {}) if unit_id else of_location.setdefault(location_id, {})
        target[criterion] = Stance(stance)
    closures = {place_id: (reason, ends) for place_id, reason, ends in tx.session.exec(closure_query)}
    claims = {place_id: (claim_id, kind, holder) for place_id, claim_id, kind, holder in tx.session.exec(claim_query)}
    rooms = tx.session.exec(query).all()
    designations = {
        found.unit_id: found
        for found in tx.session.exec(designation_query)
        if rules.designated(found.starts_at, found.ends_at, found.ended_at, tx.now)
    }
    lent = {room.id: room.use != Use.REGULAR or room.id in designations for room in rooms}
    places: dict[str, list[PlaceView]] = {}
    for place_id, unit_id, label in tx.session.exec(place_query):
        claim_id, kind, holder = claims.get(place_id, (None, None, None))
        reason, ends = closures.get(place_id, (None, None))
        places.setdefault(unit_id, []).append(
            PlaceView(
                id=place_id,
                label=label,
                state=rules.place_state(reason is not None, ClaimKind(kind) if kind else None, lent[unit_id]),
                claim_id=claim_id,
                holder=holder,
                closure_reason=reason,
                closure_expected_end=ends,
            )
        )
    unsaid = dict.fromkeys(national, Stance.CONSULT)
    of_house = {
        location_id: unsaid | {one: said[one] for one in national if one in said}
        for location_id, said in of_location.items()
    }
    views: dict[str, list[UnitView]] = {}
    for unit in rooms:
        stances = of_house.get(unit.location_id, unsaid)
        if own := of_unit.get(unit.id):
            stances = stances | {one: own[one] for one in national if one in own}
        views.setdefault(unit.location_id, []).append(
            UnitView(
                unit,
                tuple(places.get(unit.id, ())),
                stances,
                rules.unconditional(stances, national),
                designations.get(unit.id),
                doubted=rules.doubted(unit.doubted_at, confirmed.get(unit.location_id)),
            )
        )
    return views
