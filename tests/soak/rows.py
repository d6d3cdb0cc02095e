"""The rows of the trust table that have a harness, in their order."""

from tests.soak.double_booking import DOUBLE_BOOKING
from tests.soak.harness import Row
from tests.soak.unsafe import UNSAFE

ROWS: tuple[Row, ...] = (DOUBLE_BOOKING, UNSAFE)
