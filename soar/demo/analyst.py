"""
The analyst of the demo: decides at the terminal or in the browser, whichever comes first.

In: an open question. Out: the choice that was made at the terminal, or nothing where the browser
was faster. Never: an answer that nobody gave.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from soar import passwords, users
from soar.bootstrap import House
from soar.demo.script import ANALYST, DemoFailed
from soar.domain.errors import BadInput
from soar.store.rows import Row

LOOK = 0.3
BY = "soar demo"


@dataclass(kw_only=True)
class Analyst:
    """Who answers the questions of one demo; *answer* is given for all, or empty."""

    house: House
    web_url: str
    console: Console
    answer: str
    pause: Callable[[], Any]
    password: str = field(default="", repr=False)

    def ask(self, row: Row) -> str | None:
        """Return the choice for a question; None once it was answered in the browser."""
        if self.answer:
            return self._given(row)
        self.pause()
        self.password = self.password or self._new_password()
        self._show(row)
        found = self._typed(row)
        if found is None:
            self.console.print(f"approval {row['id']} was answered in the browser")
        return found

    def _given(self, row: Row) -> str:
        if self.answer not in row["options"]:
            raise BadInput("--answer", f"{self.answer!r} is none of: {', '.join(row['options'])}")
        self.console.print(f"[bold]approval {row['id']}[/] ({row['assignee']}): {self.answer}")
        return self.answer

    def _new_password(self) -> str:
        """Return a new password of the analyst: for this demo, and nobody's before."""
        password = passwords.one_time()
        with self.house.database.begin() as work:
            users.set_password(work, ANALYST, password, by=BY)
        return password

    def _show(self, row: Row) -> None:
        console = self.console
        console.print(f"\n[bold yellow]approval {row['id']} for {row['assignee']}[/]")
        console.print(Text(row["message"]))
        for option, calls in row["payload"].get("effects", {}).items():
            for call in calls:
                what = f"  {option}: {call['action']} {call['parameters']} on {call['asset']}"
                console.print(Text(what))
        page = f"{self.web_url}/approvals/{row['public_id']}"
        console.print(f"In the browser: {page}", soft_wrap=True)
        console.print(f"  sign in as {ANALYST} with the password {self.password}", soft_wrap=True)

    def _typed(self, row: Row) -> str | None:
        """Read a choice, while the question is open."""
        choices = [str(option) for option in row["options"]]
        self._prompt(choices)
        while True:
            if select.select([sys.stdin], [], [], LOOK)[0]:
                said = os.read(sys.stdin.fileno(), 4096).decode(errors="replace")
                if not said:
                    raise DemoFailed("the terminal was closed before the question was answered")
                found = next((c for c in choices if c.lower() == said.strip().lower()), None)
                if found is not None:
                    return found
                self._prompt(choices)
            elif self._is_closed(row):
                return None

    def _prompt(self, choices: list[str]) -> None:
        self.console.print(Text(f"Or your decision here ({' / '.join(choices)}): "), end="")

    def _is_closed(self, row: Row) -> bool:
        with self.house.database.begin() as work:
            return bool(work.approvals.get(row["id"])["status"] != "open")
