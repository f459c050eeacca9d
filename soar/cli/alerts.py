"""
``soar alert``: what goes into the alert stream, and what could not become a container.

In: one alert, a JSON list of alerts, or JSON lines. Out: entries of the Redis stream.
Never: an alert that ingest would refuse, unless ``--no-check`` asks for exactly that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, progress, say, show, table
from soar.domain.errors import BadInput

if TYPE_CHECKING:
    import redis

app = typer.Typer(no_args_is_help=True)
BATCH = 100
EXCERPT = 120
NO_TENANT = "is no tenant that takes new containers: see `soar tenant list`"
Alert = tuple[str, str]  # where it stands in the file, and its JSON text


@app.command(
    "push",
    epilog="Examples:\n\nsoar alert push alert.json\n\ncat alerts.jsonl | soar alert push -\n\n"
    "soar alert push broken.txt --no-check",
)
def push(
    file: Annotated[
        str, typer.Argument(help="File with one alert, a JSON list or JSON lines; - is stdin.")
    ],
    asset: Annotated[str, typer.Option(help="Asset that the alerts come from.")] = "",
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Look at every alert before any is sent.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Push alerts into the stream, from which ingest makes containers."""
    text = entry.read_text(file)
    with entry.opened() as house:
        alerts = split(text) if check else split_as_is(text)
        if check:
            _check(house, alerts, asset)
        ids = _send(entry.connect_redis(house.settings), house.settings.alert_stream, alerts, asset)
    many = "1 alert is" if len(ids) == 1 else f"{len(ids)} alerts are"
    say(as_json, {"pushed": len(ids), "ids": ids}, f"{many} in the stream")


@app.command("dead")
def dead(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the alerts that could not become containers, with the reasons."""
    found = entry.settings()
    client = entry.connect_redis(found)
    entries: Any = client.xrevrange(f"{found.alert_stream}:dead", count=limit)
    documents = [_dead(number, fields) for number, fields in entries]
    rows = [(d["entry"], d["reason"], d["alert"][:EXCERPT]) for d in documents]
    show(as_json, documents, table(("entry", "reason", "alert"), rows, empty="No dead alerts."))


def split(text: str) -> list[Alert]:
    """Return every alert of a text, or say where it is no JSON."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not _is_lines(text):
            raise BadInput("alert", f"is not JSON: {error}") from None
        return [_line(number, line) for number, line in _lines(text)]
    if not isinstance(whole, list):
        return [("", text)]
    if not whole:
        raise BadInput("alert", "the list is empty")
    return [(f"[{number}]", json.dumps(alert)) for number, alert in enumerate(whole)]


def split_as_is(text: str) -> list[Alert]:
    """Return every alert of a text unread: what is no JSON is one alert, or one a line."""
    try:
        return split(text)
    except BadInput:
        if _is_lines(text):
            return [(f"line {number}", line) for number, line in _lines(text)]
        return [("", text)]


def _lines(text: str) -> list[tuple[int, str]]:
    return [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _is_lines(text: str) -> bool:
    """Tell whether a text that is no JSON is meant as JSON lines: its first line is JSON."""
    lines = _lines(text)
    try:
        return len(lines) > 1 and isinstance(json.loads(lines[0][1]), dict)
    except (ValueError, RecursionError):
        return False


def _line(number: int, line: str) -> Alert:
    try:
        json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"line {number}", f"is not JSON: {error}") from None
    return f"line {number}", line


def _check(house: Any, alerts: Sequence[Alert], asset: str) -> None:
    """Look at every alert as ingest would."""
    from soar.ingest.accept import known_labels, parse

    with house.database.begin() as work:
        labels = known_labels(work, house.settings.label_list())
        open_to = [tenant for tenant in work.tenants.all() if tenant["active"]]
    known = {str(named) for t in open_to for named in (t["id"], t["name"].lower())}
    for place, text in alerts:
        try:
            alert = parse(text, labels=labels, asset=asset)
            if alert.tenant and alert.tenant.lower() not in known:
                raise BadInput("tenant", f"{alert.tenant!r} {NO_TENANT}")
        except BadInput as error:
            raise entry.at(place, error) from None


def _send(client: redis.Redis, stream: str, alerts: Sequence[Alert], asset: str) -> list[str]:
    ids: list[str] = []
    with progress() as bar:
        task = bar.add_task("pushing alerts", total=len(alerts))
        for start in range(0, len(alerts), BATCH):
            pipe = client.pipeline(transaction=False)
            for _, text in alerts[start : start + BATCH]:
                pipe.xadd(stream, _fields(text, asset))
            ids += [_text(number) for number in pipe.execute()]
            bar.update(task, completed=len(ids))
    return ids


def _fields(text: str, asset: str) -> dict[Any, Any]:
    return {"alert": text, "asset": asset} if asset else {"alert": text}


def _dead(number: Any, fields: Mapping[Any, Any]) -> dict[str, str]:
    known = {_text(name): _text(value) for name, value in fields.items()}
    return {
        "id": _text(number),
        "entry": known.get("entry", ""),
        "reason": known.get("reason", ""),
        "alert": known.get("alert") or known.get("data", ""),
    }


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
