"""
The Celery factory, and the names of queues and tasks.

In: settings. Out: one app per process, set up as ``docs/adr/0011-worker-settings.md`` argues.
Never: an import of a task; ``bootstrap`` binds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery, Signature

from soar import sentinel
from soar.bus.events import send_together
from soar.bus.guard import refuse_long_wait, time_limits
from soar.settings import Settings
from soar.store.notices import NOTIFY_QUEUE as NOTIFY_QUEUE
from soar.store.notices import SEND_NOTICE as SEND_NOTICE

START_RUN = "soar.engine.start_run"
RESUME_RUN = "soar.engine.resume_run"
WRITE_REPORT = "soar.report.write"

ENGINE_QUEUE = "engine"
REPORT_QUEUE = "report"
HIDDEN = "…"  # what events, logs and Flower show instead of arguments


def asset_queue(slug: str) -> str:
    """Return the queue of an asset."""
    return f"asset.{slug}"


def _nothing(_: int) -> None:
    """Hear of a call's end where nobody counts the calls under way."""


class Receipt:
    """What a sender gets for a message: its id. Nobody waits for a result, nor asks for one."""

    parent: Any = None

    def __init__(self, id: str, *_: Any, **__: Any) -> None:
        self.id = self.task_id = id

    def then(self, *_: Any, **__: Any) -> Receipt:
        """Tell nobody of an end: the result backend does."""
        return self


class Once(Signature):
    """A signature that is made to be sent once: a chord need not copy it before that."""

    def clone(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Return itself, or a changed copy."""
        if args or kwargs or options:
            return super().clone(args, kwargs, **options)
        return self


class App(Celery):
    """A Celery app that knows where its chords are joined, and lets no message wait for long."""

    AsyncResult = Receipt  # type: ignore[assignment]
    soar_database: Any = None
    soar_ended: Callable[[int], None] = staticmethod(_nothing)
    """Told of each call whose end was written, or could not be."""

    def send_task(  # type: ignore[override]
        self,
        name: str,
        args: Any = None,
        kwargs: Any = None,
        countdown: float | None = None,
        eta: Any = None,
        **options: Any,
    ) -> Any:
        """Send a message, unless it would wait in the broker: every way to send leads here."""
        refuse_long_wait(countdown, eta)
        return super().send_task(name, args, kwargs, countdown=countdown, eta=eta, **options)


def create(settings: Settings, *, database: Any = None) -> App:
    """Make the app of this process; *database* is where its result backend joins chords."""
    app = App("soar", set_as_current=False)
    app.conf.update(_configuration(settings))
    app.soar_database = database
    send_together(app)
    return app


def _configuration(settings: Settings) -> dict[str, Any]:
    hard, soft = time_limits(settings)
    return {
        **_broker(settings.redis_url.get_secret_value()),
        "result_backend": "soar.bus.backend:JoinBackend",
        "broker_transport_options": _transport(settings),
        "broker_connection_retry_on_startup": True,
        "broker_connection_retry": True,
        "broker_connection_max_retries": None,
        "broker_pool_acquire_timeout": 5,
        "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1},
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_acks_on_failure_or_timeout": True,
        "task_reject_on_worker_lost": False,
        "task_default_queue": ENGINE_QUEUE,
        "task_time_limit": hard,
        "task_soft_time_limit": soft,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": settings.task_events,
        "task_send_sent_event": settings.task_events,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "worker_soft_shutdown_timeout": 10,
        "timezone": "UTC",
    }


def _broker(url: str) -> dict[str, str]:
    """Return where the broker is; one that Sentinels watch keeps kombu's own transport."""
    if sentinel.is_watched(url):
        return {"broker_url": sentinel.broker_url(url)}
    return {"broker_url": url, "broker_transport": "soar.bus.transport:Transport"}


def _transport(settings: Settings) -> dict[str, Any]:
    return {
        **sentinel.transport(settings.redis_url.get_secret_value()),
        # What a worker has under way stands in PostgreSQL: a claimed call, or what is due in a run.
        "ack_emulation": False,
        "visibility_timeout": settings.visibility_timeout,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "queue_order_strategy": "round_robin",
        "priority_steps": [0],  # hundreds of queues, and each step is one more list to watch
    }


def resume_signature(app: Celery, run_id: int, join_id: int) -> Signature:
    """Return the body of a chord: tell a run that one of its joins has ended."""
    return Once(
        RESUME_RUN,
        args=(run_id, join_id),
        immutable=True,
        options={
            "task_id": f"resume_run-{run_id}-{join_id}",
            "queue": ENGINE_QUEUE,
            "argsrepr": HIDDEN,
            "kwargsrepr": HIDDEN,
            "declare": [],  # whoever consumes a queue declares it
        },
        app=app,
    )


def member_signature(app: Celery, body: Mapping[str, Any]) -> Signature:
    """Return the header task of one app run, with the id it has on every sending."""
    return Once(
        body["task"],
        args=(body["app_run_id"],),
        immutable=True,
        options={
            "task_id": f"app_run-{body['app_run_id']}",
            "queue": asset_queue(body["asset"]),
            "argsrepr": HIDDEN,
            "kwargsrepr": HIDDEN,
            "ignore_result": True,
            "declare": [],
        },
        app=app,
    )


def ring_member(app: Celery, body: Mapping[str, Any]) -> None:
    """Send one member of a chord again: same id, same chord, counted once."""
    signature = member_signature(app, body)
    chord = resume_signature(app, body["run_id"], body["join_id"])
    signature.apply_async(chord=dict(chord))


def send_task(app: Celery, body: Mapping[str, Any]) -> None:
    """Send a task that the outbox names."""
    app.send_task(
        body["name"],
        args=body["args"],
        queue=body["queue"],
        task_id=body["id"],
        argsrepr=HIDDEN,
        kwargsrepr=HIDDEN,
        ignore_result=True,
        declare=[],
    )
