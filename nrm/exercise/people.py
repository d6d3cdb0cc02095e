"""Whom the script lets turn up in a night: made up, all of them."""

from typing import Final

from nrm.intake.rules import Exploitation, Fact, Residence, Sex, UnsafeReason, Urgency
from nrm.intake.schemas import GroupIn, PartyIn, PersonIn, RequestIn, UnsafeIn

REGION: Final = "VR17"
POLICE: Final = "politie"
DUTY_OFFICER: Final = "piket"
COORDINATOR: Final = "coordinator-rotterdam"
COORDINATOR_UTRECHT: Final = "coordinator-utrecht"
CLOSING_HOUSE: Final = "aanbieder-2"
"""The logins of whoever begins something."""

_FACTS: Final = dict.fromkeys(
    ("addiction", "psychiatric", "multiple_problems", "intellectual_disability", "trauma"), Fact.NO
)


def _alone(sex: Sex, *ages: int) -> tuple[PartyIn, ...]:
    return tuple(PartyIn(persons=(PersonIn(sex=sex, age=age, age_estimated=True),)) for age in ages)


RAID: Final = GroupIn(
    region=REGION,
    urgency=Urgency.NOW,
    exploitation=Exploitation.LABOUR,
    residence=Residence.EU,
    facts=_FACTS,
    wishes=("lang:ro",),
    unsafe=(UnsafeIn(region=REGION, reason=UnsafeReason.FOUND_HERE),),
    together=False,
    parties=(
        *_alone(Sex.M, 19, 24, 31, 38, 45),
        *_alone(Sex.F, 22, 27, 35),
        PartyIn(persons=(PersonIn(sex=Sex.F, age=29, parent=True), PersonIn(sex=Sex.F, age=5))),
        PartyIn(persons=(PersonIn(sex=Sex.M, age=33), PersonIn(sex=Sex.F, age=30))),
    ),
)
"""Twelve people in a packing hall: eight alone, a mother with her daughter, a couple."""

MOTHER_AND_CHILD: Final = RequestIn(
    region=REGION,
    urgency=Urgency.NOW,
    exploitation=Exploitation.SEXUAL,
    residence=Residence.EU,
    facts=_FACTS,
    wishes=("lang:bg",),
    unsafe=(UnsafeIn(region=REGION, reason=UnsafeReason.NETWORK),),
    persons=(PersonIn(sex=Sex.F, age=24, parent=True), PersonIn(sex=Sex.M, age=3)),
)

MINOR_ALONE: Final = RequestIn(
    region="VR09",
    urgency=Urgency.NOW,
    exploitation=Exploitation.SEXUAL,
    persons=(PersonIn(sex=Sex.F, age=15),),
)
