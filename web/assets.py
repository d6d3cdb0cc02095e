"""Static files: read once, hashed, squeezed once, and served from memory under a URL that changes with the content."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
URL = "/static/"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".toml": "text/plain; charset=utf-8",
}
VENDOR_CSS = "vendor.css"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes out."""

    body: bytes
    squeezed: bytes
    media_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """All static files by name. The vendored component styles also come as one file: a phone asks once."""
    bodies = {
        path.relative_to(STATIC).as_posix(): path.read_bytes()
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in TYPES
    }
    bodies[VENDOR_CSS] = b"\n".join(body for name, body in bodies.items() if name.endswith(".css") and "/" in name)
    return {name: _asset(name, body) for name, body in bodies.items()}


def static_url(name: str) -> str:
    """Where a static file stands, with its content hash. An unknown name is a programming error."""
    return f"{URL}{name}?v={assets()[name].digest}"


async def serve(request: Request) -> Response:
    """Answer `/static/{name}`: for ever when the hash is right, revalidated when it is not."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    etag = f'"{asset.digest}"'
    current = request.query_params.get("v") == asset.digest
    headers = {
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    body = asset.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = asset.squeezed, "gzip"
    return Response(body, headers=headers, media_type=asset.media_type)


def _asset(name: str, body: bytes) -> Asset:
    digest = hashlib.sha256(body).hexdigest()[:16]
    return Asset(body, gzip.compress(body, 9, mtime=0), TYPES[Path(name).suffix], digest)
