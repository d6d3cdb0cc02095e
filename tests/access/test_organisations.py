"""The list of organisations."""

from nrm.access import queries
from tests.builders import town


def test_organisations_by_kind_and_name(sqlite_url: str) -> None:
    here = town(sqlite_url)
    here.provider("noord")
    here.provider("haven")
    here.coordinator()
    with here.database.reading() as tx:
        names = [found.name for found in queries.organisations(tx)]
    assert names == ["zorgcoordinatie-VR17", "haven", "noord"]
    here.database.close()
