"""What several rows set up alike, on top of the small town of tests/builders.py."""

from datetime import datetime

from sqlmodel import col, select

from nrm.access.rules import OrganisationKind
from nrm.db import Database, Tx
from nrm.placing.models import Proposal, ProposalSet
from nrm.registry.models import Claim, Location
from tests.builders import SATURDAY_NIGHT, Town, TurnedClock


def small_town(url: str, at: datetime = SATURDAY_NIGHT) -> Town:
    """A town in a prepared database, with a clock of its own."""
    clock = TurnedClock(at)
    return Town(Database(url, clock=clock), clock)


def somebody_on_every_rung(town: Town) -> None:
    """A body for each role of the ladder, so that no rung is passed over."""
    town.national_desk()
    for kind in (OrganisationKind.CHAIN_DIRECTION, OrganisationKind.NATIONAL_COORDINATION):
        town.organisation(f"body {kind}", kind)


def child_database(url: str, at: datetime = SATURDAY_NIGHT, pool_size: int = 20) -> Database:
    """A child process's own way into a database, with a clock that stands still."""
    return Database(url, clock=TurnedClock(at), pool_size=pool_size)


def propose(town: Town, request_id: str, *unit_ids: str) -> list[str]:
    """Proposals for these units as if the solver had just made them: many requests for one bed, which it never does."""
    with town.database.transaction() as tx:
        return propose_in(tx, request_id, *unit_ids)


def propose_in(tx: Tx, request_id: str, *unit_ids: str) -> list[str]:
    """The same, in a transaction that goes on."""
    made = ProposalSet(
        id=tx.new_id(),
        request_id=request_id,
        computed_at=tx.now,
        journal_seq=0,
        matching_version=1,
        pools_version=1,
        proven=True,
        digest="",
    )
    tx.session.add(made)
    tx.session.flush()
    return [_proposal(tx, made, rank, unit_id) for rank, unit_id in enumerate(unit_ids, start=1)]


def live_claims(tx: Tx, unit_id: str) -> list[Claim]:
    """The claims in force on the places of a unit."""
    return list(
        tx.session.exec(
            select(Claim).where(col(Claim.place_id).startswith(f"{unit_id}-p"), col(Claim.ended_at).is_(None))
        )
    )


def _proposal(tx: Tx, made: ProposalSet, rank: int, unit_id: str) -> str:
    location_id = unit_id.rpartition("-u")[0]
    proposal = Proposal(
        id=tx.new_id(),
        set_id=made.id,
        request_id=made.request_id,
        rank=rank,
        unit_id=unit_id,
        location_id=location_id,
        location_version=tx.session.get_one(Location, location_id).version,
        fit={"freshness": "fresh"},
    )
    tx.session.add(proposal)
    tx.session.flush()
    return proposal.id
