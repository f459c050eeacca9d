"""
The line to the provider: verified, bounded in time and size, never redirected.

In: addresses of the provider. Out: JSON objects, or :class:`ProviderAway`.
Never: a proxy or CA of the machine's environment, a redirect followed with a code or a secret, an
answer read without end, or a secret sent in an address.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session

from soar.deadline import current, within
from soar.oidc.client import Client
from soar.oidc.errors import ProviderAway
from soar.wire import DeadlineAdapter, stand_behind

TIMEOUTS = (5.0, 10.0)
SECONDS = 15.0
"""For so long one question to the provider may take in all."""
LARGEST = 512 * 1024
T = TypeVar("T")


class Bounded(DeadlineAdapter):
    """An adapter that reads each answer itself, and no further than its bound."""

    def send(self, request: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Send one request and read its answer."""
        response = super().send(request, **kwargs | {"stream": True, "timeout": TIMEOUTS})
        response._content = _read(response)
        return response


def session(client: Client, *, method: str = "") -> Any:
    """Return a session that speaks as this client; *method*: how it shows its secret."""
    secret = client.secret.reveal() if client.secret else None
    made = OAuth2Session(
        client_id=client.client_id,
        client_secret=secret,
        token_endpoint_auth_method=method or ("client_secret_basic" if secret else "none"),
        scope=client.scopes,
        redirect_uri=client.redirect_uri,
        code_challenge_method="S256",
    )
    made.trust_env = False
    made.verify = client.ca_file or True
    made.max_redirects = 0
    for scheme in ("https://", "http://"):
        made.mount(scheme, Bounded())
    return made


def asked(url: str, ask: Callable[[], T]) -> T:
    """Return what *ask* brings within its time; what the wire does to it is said in a sentence."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    stand_behind(lambda: None)
    try:
        with within(SECONDS) as deadline:
            found = ask()
    except requests.HTTPError:
        raise
    except requests.exceptions.SSLError:
        raise ProviderAway(
            f"TLS to {host} failed: is its certificate trusted (SOAR_OIDC_CA_FILE)?"
        ) from None
    except requests.RequestException:
        raise ProviderAway(f"{host} could not be reached, or gave no whole answer") from None
    except (OSError, ValueError, RecursionError):
        raise ProviderAway(f"{host} did not answer as a provider does") from None
    if deadline.over:
        raise ProviderAway(f"{host} gave no whole answer in {SECONDS:g} s")
    return found


def document(client: Client, url: str, *, token: str = "") -> Mapping[str, Any]:
    """Return the JSON object at an address; *token* is shown as a bearer's."""
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    def ask() -> Any:
        with session(client) as line:
            answer = line.get(url, headers=headers, withhold_token=True, allow_redirects=False)
            if answer.status_code != 200:
                raise ProviderAway(f"{url} answers with {answer.status_code}")
            return json.loads(answer.content)

    found = asked(url, ask)
    if not isinstance(found, dict):
        raise ProviderAway(f"{url} does not hold a JSON object")
    return found


def _read(response: requests.Response) -> bytes:
    read, deadline = bytearray(), current()
    for chunk in response.iter_content(16_384):
        read += chunk
        if len(read) > LARGEST:
            response.close()
            raise requests.RequestException("too large")
        if deadline is not None and deadline.over:
            break
    return bytes(read)
