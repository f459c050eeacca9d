"""
What a connector author imports: the whole door of a vendor room.

In: an action's parameters and an :class:`ActionContext` (the asset, opened, and a session to it).
Out: an :class:`Output`, or one of the failures, named by what the engine does next.
Never: Celery, a database, Redis, another vendor, or a sleep: waiting is ``RetryLater``.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from soar.deadline import current, cut_at_end, seconds_left, shut, within
from soar.domain.errors import (
    ActionError,
    ActionFailed,
    BadCredentials,
    OutcomeUnknown,
    RetryLater,
)
from soar.domain.secret import Secret
from soar.domain.waits import nothing_left, retry_after
from soar.wire import DeadlineAdapter, nothing_sent, sent_at, stand_behind

__all__ = [
    "ActionContext",
    "ActionFailed",
    "AssetConfig",
    "BadCredentials",
    "OutcomeUnknown",
    "Output",
    "Params",
    "RetryLater",
    "Secret",
    "VendorSession",
    "action",
    "check",
    "cut_at_end",
    "retry_after",
    "seconds_left",
    "shut",
    "within",
]

JSON = dict[str, Any]
MAX_REPLY_BYTES = 20 * 1024 * 1024
TIMEOUTS = (5.0, 20.0)  # seconds to connect, seconds between two bytes
WRITE_VERBS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """What a vendor answered: rows of data, a summary to decide on, one line for people."""

    message: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[JSON, ...] = ()
    lasts: timedelta | None = None
    """When the vendor itself ends the effect of a write; None: it does not."""


class Params(Mapping[str, Any]):
    """The parameters of one call, already checked against the manifest."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter as text without surrounding blanks."""
        value = self._values.get(name)
        return default if value is None or value == "" else str(value).strip()

    def number(self, name: str, default: int) -> int:
        """Return a parameter as a whole number, or fail the action with a sentence."""
        value = self._values.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ActionFailed(
                f"parameter {name!r} must be a whole number, not {value!r}"
            ) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetConfig:
    """One configured connection to a vendor; its secrets are opened but cannot be printed."""

    slug: str
    values: Mapping[str, Any] = field(repr=False)

    def text(self, name: str, default: str = "") -> str:
        """Return a configuration value as text; a missing one is the default."""
        value = self.values.get(name)
        return default if value is None or value == "" else str(value)

    def secret(self, name: str) -> Secret:
        """Return a credential; an asset without it is :class:`BadCredentials`."""
        value = self.values.get(name)
        if not isinstance(value, Secret) or not value.reveal():
            raise BadCredentials(
                f"asset {self.slug!r} has no {name!r}: set it with "
                f"`soar asset set {self.slug} {name}=…`"
            )
        return value

    def number(self, name: str, default: int) -> int:
        """Return a configuration value as a whole number."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ActionFailed(
                f"asset {self.slug!r}: {name!r} must be a whole number, not {value!r}"
            ) from None

    def flag(self, name: str, default: bool) -> bool:
        """Return a configuration value as yes or no."""
        value = self.values.get(name)
        if isinstance(value, str):
            return value.strip().lower() in {"1", "true", "yes", "on"}
        return default if value is None else bool(value)


def _let_pass() -> None:
    """Let every write pass: outside of a worker nobody else can have the call."""


class Notes(threading.local):
    """What was seen of a vendor during this thread's call; read by the action task."""

    sent: float | None = None
    """When the last request had left whole, or failed to (``time.monotonic``)."""
    answered: float | None = None
    """When the head of its last answer had come."""
    wait: timedelta | None = None
    """How long its headers say that nothing is left."""

    heard: bool = False
    """Whether a vendor that speaks something other than HTTP has answered."""

    fence: Callable[[], None] = staticmethod(_let_pass)
    """Asked before each request; raises if the call belongs to somebody else by now."""

    def clear(self, fence: Callable[[], None] = _let_pass) -> None:
        """Begin a new call."""
        self.sent, self.answered, self.wait, self.heard = None, None, None, False
        self.fence = fence


class _TimedAdapter(DeadlineAdapter):
    """An adapter whose requests always end: with our timeouts, or when their call must end."""

    def __init__(self, notes: Notes, **options: Any) -> None:
        super().__init__(**options)
        self._notes = notes

    def send(self, request: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        connect, read = _pair(kwargs.get("timeout"))
        kwargs["timeout"] = seconds_left(connect), seconds_left(read)
        nothing_sent()
        try:
            response = super().send(request, **kwargs)
        finally:
            self._notes.sent = sent_at()
        self._notes.answered = time.monotonic()
        self._notes.wait = nothing_left(response.headers) or self._notes.wait
        return response


class VendorSession(requests.Session):
    """
    A pooled HTTP session to one asset: TLS verified, timeouts always set, replies bounded.

    The environment is not trusted: proxies and CA bundles come from the asset (``ca_file``,
    ``proxy``), so a variable of the machine can neither defeat nor break verification.
    """

    def __init__(self, *, ca_file: str = "", proxy: str = "", pool_size: int = 32) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = ca_file or True
        if proxy:
            self.proxies = {"http": proxy, "https": proxy}
        self.notes = Notes()
        adapter = _TimedAdapter(self.notes, pool_connections=4, pool_maxsize=pool_size)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def call(
        self, method: str, url: str, *, writes: bool | None = None, **kwargs: Any
    ) -> requests.Response:
        """
        Send one request; a lost answer becomes the failure that says what to do next.

        *writes* (default: by the verb) decides between :class:`OutcomeUnknown` and
        :class:`RetryLater` when the request may have been received. Nothing is retried here.
        A write that is no longer this worker's to make is not sent.
        """
        changes = method.upper() in WRITE_VERBS if writes is None else writes
        kwargs.setdefault("allow_redirects", False)  # a redirect would carry a key elsewhere
        stand_behind(self.notes.fence)
        try:
            with self.request(method, url, stream=True, **kwargs) as response:
                return _bounded(response)
        except _CutOff as cut:
            raise _lost(str(cut), changes=changes) from None
        except requests.exceptions.SSLError as error:
            raise _tls_failure(_host(url), error, changes=changes) from None
        except requests.ConnectTimeout:
            raise RetryLater(
                f"{_host(url)} did not accept a connection in time", no_answer=True
            ) from None
        except (
            requests.Timeout,
            requests.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            if _never_sent(error):
                raise RetryLater(f"no connection to {_host(url)}", no_answer=True) from None
            raise _lost(_how_lost(_host(url)), changes=changes) from None
        except (requests.RequestException, ValueError) as error:
            raise ActionFailed(
                f"the request to {_host(url)} cannot be made ({type(error).__name__}):"
                " check the asset's base_url, timeout and credentials"
            ) from None
        except OSError:
            # requests says so when it opens the CA bundle, before anything is sent.
            raise ActionFailed("the asset's ca_file cannot be read") from None


class _CutOff(Exception):
    """The time of the call was up before the whole answer had come."""


def _pair(timeout: Any) -> tuple[float, float]:
    """Return the seconds to connect and between two bytes that a room asks for, or ours."""
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return connect or TIMEOUTS[0], read or TIMEOUTS[1]


def _lost(how: str, *, changes: bool) -> ActionError:
    """Return the failure of a request that may have been received and was not answered."""
    return OutcomeUnknown(how) if changes else RetryLater(how, no_answer=True)


def _how_lost(host: str) -> str:
    deadline = current()
    if deadline is not None and deadline.over:
        return f"{host} gave no whole answer within the {deadline.seconds:g} s of this call"
    return f"the answer of {host} was lost"


def _bounded(response: requests.Response) -> requests.Response:
    """Read the whole answer: not too much of it, and not for too long."""
    chunks, size, deadline = [], 0, current()
    for chunk in response.iter_content(65536):
        size += len(chunk)
        if size > MAX_REPLY_BYTES:
            raise ActionFailed(f"the reply is larger than {MAX_REPLY_BYTES // 2**20} MiB")
        chunks.append(chunk)
        if deadline is not None and deadline.over:
            break
    if deadline is not None and deadline.over:  # an answer without a length may end anywhere
        raise _CutOff(_how_lost(_host(response.url)))
    response._content = b"".join(chunks)
    return response


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "the vendor"
    except ValueError:
        return "the vendor"


def _tls_failure(host: str, error: BaseException, *, changes: bool) -> ActionError:
    """
    Name a TLS error: only a refused certificate proves that nothing was sent.

    A server or proxy that dies ends the stream without TLS's own goodbye, also after a write.
    """
    causes, cause = set(), error.__context__
    while cause is not None:
        causes.add(type(cause))
        cause = cause.__context__
    if ssl.SSLCertVerificationError in causes:
        return ActionFailed(
            f"TLS to {host} failed: its certificate is not trusted; set the asset's ca_file"
        )
    if changes:
        return OutcomeUnknown(_how_lost(host))
    deadline = current()
    late = deadline is not None and deadline.over
    if late or ssl.SSLEOFError in causes or ssl.SSLZeroReturnError in causes:
        return RetryLater(_how_lost(host), no_answer=True)
    return ActionFailed(f"TLS to {host} failed: the handshake did not succeed")


def _never_sent(error: BaseException) -> bool:
    """Tell whether the connection was never made, so that nothing can have been received."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def check(response: requests.Response, *, vendor: str, writes: bool = False) -> requests.Response:
    """
    Return the response if it is a success, else raise the failure its status stands for.

    401, 403: BadCredentials. 408, 425, 429, 503: RetryLater (as long as the headers say).
    Other 5xx: OutcomeUnknown after a write, RetryLater after a read. Other 4xx: ActionFailed.
    """
    code = response.status_code
    if code < 400:
        return response
    if code in {401, 403}:
        raise BadCredentials(f"{vendor} refused the asset's credentials ({code})")
    if code in {408, 425, 429, 503}:
        after = retry_after(response.headers)
        everybody = code == 429 or (code == 503 and after is not None)
        raise RetryLater(f"{vendor} asks to wait ({code})", after=after, all_calls=everybody)
    if code >= 500 and writes:
        raise OutcomeUnknown(f"{vendor} failed while it was writing ({code})")
    if code >= 500:
        raise RetryLater(
            f"{vendor} cannot answer now ({code})", after=retry_after(response.headers)
        )
    raise ActionFailed(f"{vendor} refused the request ({code})")


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionContext:
    """What one call of an action may use; made anew for each call by the action task."""

    asset: AssetConfig
    http: VendorSession
    key: str
    """The same text on every delivery of this call: run, call, a write's parameters. Put it where
    the vendor keeps one (correlation_id, a comment's marker) and look for it before a write."""
    container_id: int = 0
    container_name: str = ""
    state: MutableMapping[str, Any] = field(default_factory=dict)
    """Kept per asset and process between calls (a bearer token and its end). May vanish."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def heard(self) -> None:
        """Say that the vendor has answered, in a room that speaks something other than HTTP."""
        self.http.notes.heard = True


ActionFunction = Callable[[ActionContext, Params], Output]
VerifyFunction = Callable[[ActionContext, Params], Output | None]
F = TypeVar("F", bound=ActionFunction)


def action(*, verify: VerifyFunction | None = None) -> Callable[[F], F]:
    """
    Mark a function as the SOAR action of the same name in this room's manifest.

    *verify* reads from the vendor whether the call already took effect: it returns the
    :class:`Output` if so, ``None`` if certainly not, and raises ``RetryLater`` while it is
    under way. The engine asks it before a write that may have been sent is sent again, and
    each time a write that ended with ``RetryLater`` after it was sent is looked at again.
    """

    def mark(function: F) -> F:
        function.__soar_action__ = True  # type: ignore[attr-defined]
        function.__soar_verify__ = verify  # type: ignore[attr-defined]
        return function

    return mark
