"""The ears that row 13 listens with: whatever was muted before, they hear."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.soak.secrecy import CANARY, listening


@pytest.fixture
def muted() -> Iterator[None]:
    """As another row may leave the process."""
    usual = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(wrapper_class=usual)


@pytest.mark.usefixtures("muted")
def test_an_address_in_a_log_line_is_heard_where_another_row_muted_the_log() -> None:
    with listening() as ears:
        structlog.get_logger().info("released", address=CANARY)
    assert ears.found()
    assert structlog.get_config()["wrapper_class"] is structlog.make_filtering_bound_logger(logging.CRITICAL)
