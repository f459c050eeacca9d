"""
The whole product in the hands of one command: brought up, or driven through the demo's story.

In: settings, or nothing but Python and the wheels. Out: a running pool; for the demo, the report
of each case and an exit code. Never: a process left behind.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from soar import users
from soar.demo.analyst import Analyst
from soar.demo.furnish import furnish, running_lab
from soar.demo.script import DemoFailed, Progress, Script
from soar.demo.stack import Stack
from soar.domain.errors import BadInput
from soar.settings import Settings, load

MANY_DEATHS = 20  # processes that end so often are not to be helped by starting them again


def up(*, data_dir: Path | None, lab: bool, flower: bool, as_json: bool) -> None:
    """Start everything, print its URLs, and stay until Ctrl-C."""
    console = Console(stderr=True)
    settings = _with_data_dir(load(), data_dir)
    with (
        _stoppable() as stopped,
        Stack(settings, _teller(console)) as stack,
        _maybe_lab(stack, lab),
    ):
        stack.start_processes(flower=flower)
        stack.remember()
        _print_doors(stack, _first_person(stack), flower=flower, as_json=as_json)
        deaths = 0
        while not stopped.is_set():
            ended = stack.supervisor.watch(timeout=0.5)
            if ended is not None:
                deaths += 1
                if deaths > MANY_DEATHS:
                    raise DemoFailed(str(ended))
                console.print(f"[yellow]{ended.name} ended and is started again[/]: {ended.log}")
                stack.start_role(ended.name)


def demo(*, answer: str, data_dir: Path | None, as_json: bool) -> None:
    """Run the whole story once, then stop."""
    console = Console(stderr=True)
    if not answer and not sys.stdin.isatty():
        raise BadInput("--answer", "is needed where there is no terminal, such as 'Isolate Host'")
    with tempfile.TemporaryDirectory(prefix="soar-demo-") as temporary:
        settings = _with_data_dir(load(), data_dir or Path(temporary))
        with _stoppable(), Stack(settings, _teller(console), throwaway=data_dir is None) as stack:
            problems, reports = _perform(stack, answer, console)
    _print_end(problems, reports, as_json=as_json)
    if problems:
        raise typer.Exit(1)


def _perform(stack: Stack, answer: str, console: Console) -> tuple[list[str], list[str]]:
    folder = stack.settings.data_dir / "lab"
    with running_lab(folder) as lab:
        furnish(stack.house, lab, folder)
        stack.start_processes()
        with _watched(console) as (show, pause):
            analyst = Analyst(
                house=stack.house,
                web_url=stack.web_url,
                console=console,
                answer=answer,
                pause=pause,
            )
            script = Script(house=stack.house, lab=lab, show=show, ask=analyst.ask)
            script.perform()
        return script.problems(), script.reports()


@contextmanager
def _watched(
    console: Console,
) -> Iterator[tuple[Callable[[list[Progress]], None], Callable[[], None]]]:
    """Show progress: a live table at a terminal, one line per change elsewhere."""
    if not console.is_terminal:
        seen: dict[str, str] = {}
        yield (lambda rows: _print_changes(rows, seen, console)), lambda: None
        return
    with Live(console=console, refresh_per_second=5) as live:

        def show(rows: list[Progress]) -> None:
            if not live.is_started:
                live.start()
            live.update(_table(rows))

        yield show, live.stop


def _print_changes(rows: list[Progress], seen: dict[str, str], console: Console) -> None:
    for row in rows:
        if seen.get(row.title) != row.state:
            seen[row.title] = row.state
            console.print(f"{row.title}: {row.state} ({row.done}/{row.total} calls ended)")


def _table(rows: list[Progress]) -> Table:
    table = Table("case", "container", "calls", "state")
    for row in rows:
        table.add_row(row.title, str(row.container_id or ""), f"{row.done}/{row.total}", row.state)
    return table


@contextmanager
def _maybe_lab(stack: Stack, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    folder = stack.settings.data_dir / "lab"
    with running_lab(folder) as lab:
        furnish(stack.house, lab, folder)
        yield


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Turn SIGTERM and Ctrl-C into an orderly end."""
    stopped = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopped.set()
        raise KeyboardInterrupt

    before = {n: signal.signal(n, stop) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _teller(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"[dim]{text}[/]")


def _with_data_dir(settings: Settings, data_dir: Path | None) -> Settings:
    return settings.model_copy(update={"data_dir": data_dir}) if data_dir else settings


def _first_person(stack: Stack) -> dict[str, str]:
    """Make the first administrator of a new installation; of an older one, nobody."""
    with stack.house.database.begin() as work:
        password = users.first(work, by="soar up")
    return {"user": users.FIRST, "one_time_password": password} if password else {}


def _print_doors(stack: Stack, first: dict[str, str], *, flower: bool, as_json: bool) -> None:
    doors = {"web": f"{stack.web_url}/", "rest": f"{stack.web_url}/rest/"}
    if flower:
        doors["flower"] = stack.flower_url
    if as_json:
        print(json.dumps(doors | first), flush=True)
        return
    console = Console()
    for name, url in doors.items():
        console.print(f"{name:8} {url}")
    if flower and not stack.given.flower_basic_auth.get_secret_value():
        console.print(f"         user soar, password {stack.flower_password}")
    if first:
        console.print(
            f"sign in as {first['user']} with the one-time password"
            f" {first['one_time_password']} (shown only now)"
        )
    console.print("stop with Ctrl-C; make a token with `soar token create NAME --role admin`")


def _print_end(problems: list[str], reports: list[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"reports": reports, "problems": problems}, ensure_ascii=False))
        return
    for text in reports:
        print(f"\n{text}")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
