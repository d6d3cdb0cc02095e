"""The layout of the seeded world: which region is how large, whose houses stand there, and what rooms they have.

Which houses exist is our invention, also where the total is published. Provider names are trees with "Voorbeeld" in
front, so that nobody takes them for a real one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from nrm.policy import Pool
from nrm.world.assumptions import number

Size = Literal["large", "middle", "small"]
HouseKind = Literal["women", "men", "emergency", "COSM", "NLA", "OMM"]
Sexes = tuple[str, ...]

WOMEN: Final = ("f",)
MEN: Final = ("m",)
ANYONE: Final = ("f", "m", "x")


@dataclass(frozen=True)
class UnitPlan:
    """A room to build. `free` places stay unoccupied, so that the demo has something to offer."""

    places: int
    sexes: Sexes
    private: bool = False
    children: bool = False
    sons_until: int = 12
    free: int = 0
    unconditional: bool = False


@dataclass(frozen=True)
class HousePlan:
    """A house to build. A `demo` house belongs to a provider somebody can log in as: kept fresh and open at night."""

    region: str
    pool: Pool
    kind: HouseKind
    provider: str
    units: tuple[UnitPlan, ...]
    demo: bool = False


@dataclass(frozen=True)
class RegionPlan:
    """How much a region has, whose it is, and a municipality that takes part (not: its centre municipality)."""

    size: Size
    provider: str
    municipality: str


DEMO_PROVIDERS: Final = ("linde", "esdoorn")
PROVIDERS: Final = {
    "linde": ("Voorbeeldopvang De Linde", "VR17"),
    "esdoorn": ("Voorbeeldopvang De Esdoorn", "VR09"),
    "wilg": ("Voorbeeldopvang De Wilg", "VR01"),
    "berk": ("Voorbeeldopvang De Berk", "VR05"),
    "beuk": ("Voorbeeldopvang De Beuk", "VR08"),
    "els": ("Voorbeeldopvang De Els", "VR12"),
    "populier": ("Voorbeeldopvang De Populier", "VR13"),
    "kastanje": ("Voorbeeldopvang De Kastanje", "VR15"),
    "hazelaar": ("Voorbeeldopvang De Hazelaar", "VR20"),
    "iep": ("Voorbeeldopvang De Iep", "VR22"),
    "meidoorn": ("Voorbeeldopvang De Meidoorn", "VR24"),
}

REGIONS: Final = {
    "VR01": RegionPlan("middle", "wilg", "Groningen"),
    "VR02": RegionPlan("small", "wilg", "Leeuwarden"),
    "VR03": RegionPlan("small", "wilg", "Emmen"),
    "VR04": RegionPlan("small", "berk", "Zwolle"),
    "VR05": RegionPlan("middle", "berk", "Enschede"),
    "VR06": RegionPlan("small", "berk", "Apeldoorn"),
    "VR07": RegionPlan("middle", "esdoorn", "Arnhem"),
    "VR08": RegionPlan("small", "beuk", "Nijmegen"),
    "VR09": RegionPlan("large", "esdoorn", "Utrecht"),
    "VR10": RegionPlan("small", "els", "Alkmaar"),
    "VR11": RegionPlan("small", "els", "Zaanstad"),
    "VR12": RegionPlan("small", "els", "Haarlem"),
    "VR13": RegionPlan("large", "populier", "Amsterdam"),
    "VR14": RegionPlan("small", "els", "Hilversum"),
    "VR15": RegionPlan("large", "kastanje", "Den Haag"),
    "VR16": RegionPlan("middle", "kastanje", "Leiden"),
    "VR17": RegionPlan("large", "linde", "Rotterdam"),
    "VR18": RegionPlan("small", "linde", "Dordrecht"),
    "VR19": RegionPlan("small", "hazelaar", "Terneuzen"),
    "VR20": RegionPlan("middle", "hazelaar", "Tilburg"),
    "VR21": RegionPlan("middle", "iep", "Den Bosch"),
    "VR22": RegionPlan("middle", "iep", "Eindhoven"),
    "VR23": RegionPlan("small", "meidoorn", "Venlo"),
    "VR24": RegionPlan("middle", "meidoorn", "Maastricht"),
    "VR25": RegionPlan("small", "berk", "Almere"),
}

POLICE_REGIONS: Final = ("VR05", "VR09", "VR13", "VR15", "VR17", "VR20")
UNCONDITIONAL_HOUSE_REGION: Final = "VR13"
UNCONDITIONAL_ROOM_REGION: Final = "VR05"


def family(places: int, sexes: Sexes = WOMEN, sons_until: int = 12, free: int = 0) -> UnitPlan:
    """A room of their own for a parent with children."""
    return UnitPlan(places, sexes, private=True, children=True, sons_until=sons_until, free=free)


def single(sexes: Sexes = ANYONE, free: int = 0, unconditional: bool = False) -> UnitPlan:
    """A room for one."""
    return UnitPlan(1, sexes, private=True, free=free, unconditional=unconditional)


def shared(places: int, sexes: Sexes, free: int = 0) -> UnitPlan:
    """A room with several beds."""
    return UnitPlan(places, sexes, free=free)


# The published totals: COSM 51, NLA 20, OMM 36. Their split over houses and rooms is invented.
NATIONAL_HOUSES: Final = (
    HousePlan("VR17", "COSM", "COSM", "linde", (shared(6, WOMEN, free=1), shared(4, WOMEN), family(3)), demo=True),
    HousePlan("VR13", "COSM", "COSM", "populier", (shared(8, WOMEN), family(4, sons_until=16))),
    HousePlan("VR08", "COSM", "COSM", "beuk", (shared(8, MEN), shared(6, MEN))),
    HousePlan("VR01", "COSM", "COSM", "wilg", (shared(6, WOMEN), single(), single(), shared(4, MEN))),
    HousePlan("VR17", "NLA", "NLA", "linde", (shared(6, MEN, free=6), family(2, ANYONE, 18)), demo=True),
    HousePlan("VR20", "NLA", "NLA", "hazelaar", (shared(8, MEN), shared(4, WOMEN))),
    HousePlan(
        "VR09",
        "OMM",
        "OMM",
        "esdoorn",
        (shared(6, ANYONE), single(free=1), single(free=1), single(), single()),
        demo=True,
    ),
    HousePlan("VR15", "OMM", "OMM", "kastanje", (shared(6, WOMEN), *(single() for _ in range(6)))),
    HousePlan("VR24", "OMM", "OMM", "meidoorn", (shared(8, ANYONE), shared(6, MEN))),
)


def municipal_houses() -> Iterator[HousePlan]:
    """The houses of every region's own pool, with joint noodbedden in each region."""
    for code, region in REGIONS.items():
        demo = region.provider in DEMO_PROVIDERS
        for kind, units in _municipal_units(code, region.size, demo):
            yield HousePlan(code, "MUNICIPAL", kind, region.provider, units, demo)


def _municipal_units(code: str, size: Size, demo: bool) -> Iterator[tuple[HouseKind, tuple[UnitPlan, ...]]]:
    kept = 1 if demo else 0
    if size == "large":
        open_to_all = code == UNCONDITIONAL_HOUSE_REGION
        yield "women", (shared(3, WOMEN), family(4, sons_until=16, free=4 * kept))
        yield "men", (shared(3, MEN, free=kept), single(MEN))
        yield (
            "emergency",
            (
                single(free=max(kept, int(open_to_all)), unconditional=open_to_all),
                single(unconditional=open_to_all),
                UnitPlan(2, ANYONE, True, True, 18, free=2 * kept, unconditional=open_to_all),
            ),
        )
    elif size == "middle":
        yield "women", (family(3), shared(2, WOMEN))
        room = single(free=kept, unconditional=code == UNCONDITIONAL_ROOM_REGION)
        yield "emergency", (room, shared(2, MEN, free=kept))
    else:
        yield "women", (family(2),)
        yield "emergency", (single(free=kept), single(MEN))


def houses() -> tuple[HousePlan, ...]:
    """Every house there is. Raises AssertionError when the rooms do not add up to the stated numbers."""
    found = (*NATIONAL_HOUSES, *municipal_houses())
    for code, region in REGIONS.items():
        beds = sum(
            unit.places for house in found if house.region == code for unit in house.units if house.pool == "MUNICIPAL"
        )
        assert beds == number(f"municipal_places_{region.size}"), code
    return found
