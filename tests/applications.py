"""The application for tests, put together once for each way of setting it up.

Building its routes and looking at all their parameters takes half a second, and the tests ask for an application a
thousand times. What differs from test to test is the state it carries, so that alone is made anew.
"""

from collections.abc import Callable
from copy import copy

from fastapi import FastAPI
from starlette.datastructures import State

from nrm.access.service import has_demo_accounts
from nrm.api import Parts
from nrm.app import equip
from nrm.settings import Settings

Creator = Callable[[Parts], FastAPI]
_BUILT: dict[tuple[Creator, Settings], FastAPI] = {}


def application(create: Creator, parts: Parts) -> FastAPI:
    """What `create(parts)` makes, on routes shared with every other one of the same settings: add none to it."""
    with parts.database.reading() as tx:
        if has_demo_accounts(tx):  # a demo has routes of its own
            return create(parts)
    key = create, parts.settings
    if key not in _BUILT:
        _BUILT[key] = create(parts)
    app = copy(_BUILT[key])
    app.state, app.middleware_stack = State(), None
    equip(app, parts)
    return app
