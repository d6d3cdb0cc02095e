"""Static files: what others made is listed and unchanged, and a URL changes with its content."""

import gzip
import hashlib
import tomllib

from starlette.applications import Starlette
from starlette.testclient import TestClient

from web.assets import STATIC, static_url
from web.routes import ROUTES

CLIENT = TestClient(Starlette(routes=list(ROUTES)))
VENDOR = STATIC / "vendor"


def listed() -> list[dict[str, str]]:
    assets: list[dict[str, str]] = tomllib.loads((VENDOR / "ASSETS.toml").read_text())["asset"]
    return assets


def test_vendored_files_are_what_the_list_says() -> None:
    for asset in listed():
        assert hashlib.sha256((VENDOR / asset["file"]).read_bytes()).hexdigest() == asset["sha256"], asset["file"]


def test_every_vendored_file_is_listed_with_a_known_licence() -> None:
    ours = {"ASSETS.toml", "LICENSE-EUPL-1.2.md", "LICENSE-0BSD.txt"}
    assert {path.name for path in VENDOR.iterdir()} - ours == {asset["file"] for asset in listed()}
    assert {asset["licence"] for asset in listed()} <= {"EUPL-1.2", "0BSD", "MIT"}


def test_no_theme_of_an_organisation_is_shipped() -> None:
    for path in VENDOR.glob("*.css"):
        assert ":root" not in path.read_text()
        assert "-theme" not in path.read_text()
        assert "@font-face" not in path.read_text()
        assert "url(" not in path.read_text()


def test_a_hashed_url_is_kept_for_ever_and_a_wrong_one_is_not() -> None:
    right = CLIENT.get(static_url("nrm.css"))
    assert right.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert CLIENT.get("/static/nrm.css?v=old").headers["cache-control"] == "no-cache"
    assert CLIENT.get("/static/nrm.css", headers={"if-none-match": right.headers["etag"]}).status_code == 304


def test_squeezed_and_plain_are_the_same() -> None:
    plain = CLIENT.get("/static/live.js", headers={"accept-encoding": "identity"})
    assert plain.content == (STATIC / "live.js").read_bytes()
    with CLIENT.stream("GET", "/static/live.js", headers={"accept-encoding": "gzip"}) as squeezed:
        assert gzip.decompress(b"".join(squeezed.iter_raw())) == plain.content


def test_nothing_outside_the_folder_is_served() -> None:
    for path in ("/static/../pages.py", "/static/%2e%2e/pages.py", "/static//etc/passwd", "/static/", "/static/x%00"):
        assert CLIENT.get(path).status_code == 404
