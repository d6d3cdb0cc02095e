"""A small town for tests: a clock to turn, and builders that make regions, houses and people with few words.

Everything goes through the real services; only organisations, locations and units, which nobody adds through the
application yet, are written as rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from sqlmodel import select

from nrm import policy
from nrm.access import queries as access_queries
from nrm.access import service as access
from nrm.access.models import Organisation
from nrm.access.rules import Actor, OrganisationKind, Role
from nrm.app import prepare
from nrm.db import Database, Tx
from nrm.intake import service as intake
from nrm.intake.schemas import RequestIn
from nrm.placing import matcher
from nrm.placing import queries as placing_queries
from nrm.placing import service as placing
from nrm.placing.models import Offer
from nrm.registry import service as registry
from nrm.registry.models import AdmissionRule, Claim, Confirmation, Location, Place, Unit
from nrm.registry.rules import Stance
from nrm.seal import AddressKey

SATURDAY_NIGHT = datetime(2026, 11, 21, 22, 40, tzinfo=UTC)
"""23:40 on the wall in Amsterdam."""

KEY = AddressKey(bytes(range(32)))
PASSWORD = "een lang wachtwoord"
# One cheap hash for every account: argon2 is slow on purpose, and these tests are not about it.
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


class TurnedClock:
    """A clock that stands still until somebody turns it, forward or back."""

    def __init__(self, at: datetime = SATURDAY_NIGHT) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def turn(self, **amount: float) -> None:
        self.at += timedelta(**amount)


@dataclass
class Town:
    """A database with people and houses in it."""

    database: Database
    clock: TurnedClock
    organisations: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    houses: int = 0

    def organisation(self, name: str, kind: OrganisationKind, region: str | None = None) -> str:
        """An organisation by name, made at first mention."""
        if name not in self.organisations:
            made = Organisation(id=f"org-{name}", kind=kind, name=name, region_code=region, email=f"{name}@example.org")
            with self.database.transaction() as tx:
                access.add_organisation(tx, made)
                self.organisations[name] = f"org-{name}"
        return self.organisations[name]

    def account(self, login: str, role: Role, organisation_id: str) -> str:
        """An account by login, made at first mention."""
        if login not in self.accounts:
            with self.database.transaction() as tx:
                self.accounts[login] = access.add_account(tx, login, login, role, organisation_id, PASSWORD_HASH)
        return self.accounts[login]

    def actor(self, login: str) -> Actor:
        """Somebody logged in just now."""
        with self.database.transaction() as tx:
            token = access.log_in(tx, self.accounts[login], hours=12)
            tx.session.flush()
            found = access_queries.actor_of_session(tx, access.token_hash(token))
        assert found is not None
        return found[0]

    def coordinator(self, region: str = "VR17", login: str | None = None) -> Actor:
        organisation = self.organisation(f"zorgcoordinatie-{region}", OrganisationKind.CARE_COORDINATION, region)
        login = login or f"coordinator-{region}"
        self.account(login, Role.COORDINATOR, organisation)
        return self.actor(login)

    def provider(self, name: str = "aanbieder") -> Actor:
        self.account(name, Role.PROVIDER, self.organisation(name, OrganisationKind.PROVIDER))
        return self.actor(name)

    def national_desk(self) -> Actor:
        self.account("loket", Role.NATIONAL_DESK, self.organisation("comensha", OrganisationKind.NATIONAL_DESK))
        return self.actor("loket")

    def duty_officer(self, on_shift: bool = True) -> Actor:
        self.account("piket", Role.DUTY_OFFICER, self.organisation("comensha", OrganisationKind.NATIONAL_DESK))
        actor = self.actor("piket")
        if on_shift and not actor.on_shift:
            with self.database.transaction(actor.account_id) as tx:
                access.start_shift(tx, actor)
            actor = self.actor("piket")
        return actor

    def police(self, kind: OrganisationKind = OrganisationKind.POLICE) -> Actor:
        self.national_desk()
        self.account(kind, Role.FIRST_RESPONDER, self.organisation(f"body-{kind}", kind))
        return self.actor(kind)

    def person(self, role: Role, kind: OrganisationKind, region: str | None = None) -> Actor:
        self.account(role, role, self.organisation(f"body-{role}", kind, region))
        return self.actor(role)

    def location(
        self,
        provider: str = "aanbieder",
        region: str = "VR13",
        pool: str = "MUNICIPAL",
        places: Sequence[int] = (2,),
        stances: dict[str, Stance] | None = None,
        confirmed_minutes_ago: int | None = 5,
        sexes: Sequence[str] = ("f", "m", "x"),
        private: bool = False,
        children: bool = True,
        handover_points: Sequence[str] = ("Ingang politiebureau",),
    ) -> str:
        """A house with one unit per number in `places`. Criteria not in `stances` are accepted."""
        organisation = self.organisation(provider, OrganisationKind.PROVIDER)
        self.houses += 1
        number = self.houses
        location_id = f"loc-{number}"
        with self.database.transaction() as tx:
            tx.session.add(
                Location(
                    id=location_id,
                    organisation_id=organisation,
                    code=f"L-{number:03d}",
                    region_code=region,
                    pool=pool,
                    safety_class="shielded",
                    handover_points=list(handover_points),
                )
            )
            tx.session.flush()
            for unit_number, beds in enumerate(places, start=1):
                unit_id = f"{location_id}-u{unit_number}"
                tx.session.add(
                    Unit(
                        id=unit_id,
                        location_id=location_id,
                        code=f"K{unit_number}",
                        private=private,
                        sexes=list(sexes),
                        children=children,
                    )
                )
                tx.session.flush()
                for bed in range(1, beds + 1):
                    tx.session.add(Place(id=f"{unit_id}-p{bed}", unit_id=unit_id, label=str(bed)))
            for criterion in registry.NATIONAL_CRITERIA:
                stance = (stances or {}).get(criterion, Stance.ACCEPTS)
                tx.session.add(
                    AdmissionRule(
                        id=tx.new_id(),
                        location_id=location_id,
                        criterion=criterion,
                        stance=stance,
                        basis="choice",
                        reason="omdat",
                        valid_from=tx.now,
                    )
                )
            if confirmed_minutes_ago is not None:
                tx.session.add(
                    Confirmation(
                        id=tx.new_id(),
                        location_id=location_id,
                        confirmed_at=tx.now - timedelta(minutes=confirmed_minutes_ago),
                        account_id="builder",
                    )
                )
            tx.session.flush()
            registry.seal_address(tx, KEY, location_id, f"Verzonnenlaan {number}, CANARY-{number:03d}")
        return location_id

    def request(self, actor: Actor, **fields: object) -> str:
        """A request by this actor for one woman of 24, tonight, unless said otherwise. Returns its id."""
        said = {"region": "VR17", "urgency": "now", "persons": [{"sex": "f", "age": 24}], **fields}
        with self.database.transaction(actor.account_id) as tx:
            return intake.submit(tx, actor, RequestIn.model_validate(said)).id

    def match(self) -> None:
        matcher.match(self.database)

    def proposals(self, request_id: str) -> list[str]:
        """The location ids proposed for a request now, in order."""
        with self.database.reading() as tx:
            found = placing_queries.proposals(tx, request_id)
            return [proposal.unit_id.rpartition("-u")[0] for proposal in found.proposals] if found else []

    def offer(self, actor: Actor, request_id: str, rank: int = 1, phoned: bool = False) -> str:
        """Send the proposal of this rank. Returns the offer's id."""
        with self.database.transaction(actor.account_id) as tx:
            found = placing_queries.proposals(tx, request_id)
            assert found is not None
            chosen = found.proposals[rank - 1]
            return placing.send_offer(tx, actor, request_id, chosen.id, phoned).id

    def accept(self, actor: Actor, offer_id: str, handover_point: str | None = None) -> str | None:
        """Say yes. Returns the stay's id once the last answer is in."""
        with self.database.transaction(actor.account_id) as tx:
            stay = placing.accept(tx, actor, offer_id, handover_point)
            return stay.id if stay else None

    def placed(self, actor: Actor, provider: Actor, **fields: object) -> tuple[str, str]:
        """A request that got a place: (request, stay)."""
        request_id = self.request(actor, **fields)
        self.match()
        stay_id = self.accept(provider, self.offer(actor, request_id))
        assert stay_id is not None
        return request_id, stay_id

    def status(self, request_id: str) -> str:
        with self.database.reading() as tx:
            return placing_queries.shown_status(tx, placing_queries.intake.request(tx, request_id))

    def offers(self) -> list[Offer]:
        with self.database.reading() as tx:
            found = list(tx.session.exec(select(Offer)))
            tx.session.expunge_all()
            return found

    def live_claims(self, tx: Tx) -> list[Claim]:
        return list(tx.session.exec(select(Claim).where(Claim.ended_at == None)))  # noqa: E711


DEADLINES_ALONE = policy.Ladder(
    near_minutes={},
    unproposed_minutes={},
    unanswered_minutes={},
    lapse_near_minutes={},
    stale_minutes=None,
    feedback_minutes=None,
    transfer_minutes=None,
    unconditional_floor=None,
    capacity_floor=None,
    silent_offers=None,
    lines=(
        policy.LadderLine(triggers=("b8_end",), rungs=(policy.Rung(after_minutes=0, role="owner"),)),
        policy.LadderLine(
            rungs=(
                policy.Rung(after_minutes=0, role="duty_officer"),
                policy.Rung(after_minutes=15, role="coordinator_regional"),
                policy.Rung(after_minutes=15, role="national_desk"),
                policy.Rung(after_minutes=30, role="national_coordinator"),
            )
        ),
    ),
)
"""A ladder for tests that are about something else: nothing is counted, and nothing rings before a deadline."""


def town(database_url: str, clock: TurnedClock | None = None, ladder: policy.Ladder = DEADLINES_ALONE) -> Town:
    """An empty town at Saturday night, with regions, criteria and first policies."""
    clock = clock or TurnedClock()
    database = Database(database_url, clock=clock)
    with database.transaction() as tx:
        policy.write(tx, ladder, "of this town")
        prepare(tx)
    return Town(database, clock)
