"""The rows of the trust table that have a harness, in their order behind the two that take longest."""

from tests.soak.alarms import ALARMS
from tests.soak.chain import CHAIN
from tests.soak.clocks import CLOCKS
from tests.soak.deadman import DEADMAN
from tests.soak.double_booking import DOUBLE_BOOKING
from tests.soak.freshness import FRESHNESS
from tests.soak.harness import Row
from tests.soak.line import LINE
from tests.soak.machine import MACHINE
from tests.soak.placements import PLACEMENTS
from tests.soak.retries import RETRIES
from tests.soak.secrecy import CANARIES, READ_LOG
from tests.soak.singled_out import SINGLED_OUT
from tests.soak.storm import STORM
from tests.soak.unsafe import UNSAFE
from tests.soak.year import YEAR

ROWS: tuple[Row, ...] = (
    YEAR,
    MACHINE,
    DOUBLE_BOOKING,
    UNSAFE,
    PLACEMENTS,
    STORM,
    RETRIES,
    ALARMS,
    CLOCKS,
    DEADMAN,
    FRESHNESS,
    LINE,
    SINGLED_OUT,
    CANARIES,
    READ_LOG,
    CHAIN,
)
