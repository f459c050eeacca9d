"""Serves REST and pages."""

from __future__ import annotations

from typing import Any

import uvicorn

from soar import bootstrap
from soar.settings import Settings
from soar.web.app import create


def main(settings: Settings) -> None:
    """Serve until told to stop."""
    uvicorn.run(
        create(bootstrap.for_http(settings)),
        host=settings.http_host,
        port=settings.http_port,
        log_level=settings.log_level.lower(),
        access_log=False,
        server_header=False,
        **believed(settings),
    )


def believed(settings: Settings) -> dict[str, Any]:
    """Return whose word counts on who is asking: without a trusted proxy, nobody's."""
    return {
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": settings.trusted_proxies,
    }
