"""
The audit trail on a real database: chained as it is written, and whole or said not to be.

In: decisions and changes, and rows edited as nobody should. Out: what `soar audit` says.
Never: an entry lost between two writers.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.exc import DBAPIError

from soar import audit
from soar.bootstrap import House
from soar.signing import Signer, Verifier
from soar.store.audit import LOCK, Audit
from soar.store.work import Work
from tests.integration.conftest import Soar
from tests.integration.waiting import add_asset

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "audit.md"
Keys = tuple[Verifier, Path]


@pytest.fixture
def keys(house: House, tmp_path: Path) -> Keys:
    """The public key of the house, as a verifier and as a file."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    signer = house.signer()
    public, file = signer.key.public_key(), tmp_path / "verify.pem"
    file.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return Verifier({signer.key_id: public}), file


def decide(house: House, count: int, *, signed: tuple[int, ...] = ()) -> None:
    """Let so many decisions be made; some are signed."""
    for number in range(1, count + 1):
        with house.database.begin() as work:
            sealer = house.signer() if number in signed else None
            detail = {"n": number, "text": "é\x00\ud800", "share": 1e-7, "none": None}
            work.audit(f"person {number}", "decided", detail, sealer=sealer)


def meddle(house: House, sql: str, **values: Any) -> None:
    """Change rows of the trail as somebody may who administers the server."""
    with house.database.begin() as work:
        work.trail._do("alter table audit disable trigger audit_is_kept")
        assert work.trail._do(sql, **values)
        work.trail._do("alter table audit enable trigger audit_is_kept")


def found(house: House, verifier: Verifier) -> audit.Finding:
    """Return what a check finds."""
    with house.database.begin() as work:
        return audit.verify(work, verifier)


def test_what_was_written_holds(house: House, keys: Keys, soar: Soar) -> None:
    """
    Whatever texts and numbers it holds; the head and the last seal are told.
    """
    decide(house, 5, signed=(2, 4))

    told = soar("audit", "verify", "--keys", keys[1])
    document = json.loads(soar("audit", "verify", "--keys", keys[1], "--json").stdout)

    assert told.exit_code == 0
    assert "5 entries hold, 2 of them signed; the last signature seals the first 4." in told.stdout
    (head,) = house.database.run("select hash from audit where number = 5", {})[0]
    assert document == {
        "whole": True,
        "entries": 5,
        "signed": 2,
        "sealed_up_to": 4,
        "head": head,
        "keys": [house.signer().key_id],
        "breach": None,
    }


def test_an_empty_trail_holds(house: House, keys: Keys, soar: Soar) -> None:
    """
    A new installation is whole.
    """
    assert soar("audit", "verify", "--keys", keys[1]).exit_code == 0
    assert "Nothing has been decided" in soar("audit").stdout


MEDDLING = {
    "a changed column": ("update audit set who = 'eve' where number = 2", 2, "its columns say"),
    "a changed text": (
        "update audit set entry = replace(entry, 'person 2', 'person 3') where number = 2",
        2,
        "its text is not what was hashed",
    ),
    "an entry taken out": ("delete from audit where number = 3", 4, "one was taken out"),
    "a signature taken from another entry": (
        "update audit set signature = (select signature from audit where number = 4)"
        " where number = 2",
        2,
        "its signature is none of the key",
    ),
}


@pytest.mark.parametrize(("sql", "number", "why"), list(MEDDLING.values()), ids=list(MEDDLING))
def test_what_was_meddled_with_is_named(
    house: House, keys: Keys, soar: Soar, sql: str, number: int, why: str
) -> None:
    """
    With the number of the entry and what is wrong with it, and exit code 1.
    """
    decide(house, 5, signed=(2, 4))
    meddle(house, sql)

    told = soar("audit", "verify", "--keys", keys[1])
    document = json.loads(soar("audit", "verify", "--keys", keys[1], "--json").stdout)

    assert told.exit_code == 1
    assert f"Entry {number}: " in told.stdout
    assert why in told.stdout
    assert document["breach"]["entry"] == number


def test_a_history_made_anew_breaks_at_the_next_signature(house: House, keys: Keys) -> None:
    """
    All is hashed again from the changed entry on, as whoever owns the database can.
    """
    decide(house, 5, signed=(4,))
    rows = house.database.run("select who, what, detail from audit order by number", {})
    kept = house.database.run("select signature, key_id from audit where number = 4", {})[0]
    meddle(house, "delete from audit")
    with house.database.begin() as work:
        for who, what, detail in rows:
            work.audit(who.replace("person 1", "nobody"), what, detail)
    meddle(
        house,
        "update audit set signature = :s, key_id = :k where number = 4",
        s=kept[0],
        k=kept[1],
    )

    breach = found(house, keys[0]).breach

    assert breach is not None
    assert breach.number == 4
    assert "its signature is none of the key" in breach.why


def test_the_table_is_only_added_to(house: House) -> None:
    """
    A statement that changes or removes an entry is refused by the server.
    """
    decide(house, 1)

    for sql in ("update audit set who = 'eve'", "delete from audit"):
        with pytest.raises(DBAPIError, match="only ever added to"), house.database.begin() as work:
            work.trail._do(sql)


def test_twenty_writers_at_once_make_one_chain(house: House, keys: Keys) -> None:
    """
    Each entry stands behind another one, and none is lost.
    """
    together = threading.Barrier(20)

    def write(number: int) -> None:
        together.wait()
        for _ in range(5):
            with house.database.begin() as work:
                work.audit(f"writer {number}", "decided", {}, sealer=house.signer())

    threads = [threading.Thread(target=write, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = found(house, keys[0])
    assert (told.breach, told.entries, told.signed) == (None, 100, 100)


def test_what_is_undone_leaves_no_entry_and_no_gap(house: House, keys: Keys) -> None:
    """
    An entry belongs to its transaction, and to the part of it that stands.
    """
    decide(house, 1)
    with pytest.raises(ZeroDivisionError), house.database.begin() as work:
        _break_off(work)
    with house.database.begin() as work:
        with pytest.raises(ZeroDivisionError), work.attempt():
            _break_off(work)
        work.audit("ada", "decided", {})

    told = found(house, keys[0])
    assert (told.breach, told.entries) == (None, 2)


def _break_off(work: Work) -> None:
    work.audit("nobody", "decided", {})
    raise ZeroDivisionError


def test_a_writer_waits_for_nobody_before_its_commit(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The lock that orders the writers is taken with the last statements: who audits early and works
    on keeps no other writer waiting.
    """
    locked: list[bool] = []
    append = Audit.append

    def spied(self: Audit, happened: Any) -> None:
        append(self, happened)
        locked.append(_locked(house))

    monkeypatch.setattr(Audit, "append", spied)
    with house.database.begin() as work:
        work.audit("ada", "decided", {})
        early = _locked(house)

    assert (early, locked) == (False, [True])


def _locked(house: House) -> bool:
    with house.database.begin() as other:
        return bool(
            other.trail._value(
                "select exists (select 1 from pg_locks where locktype = 'advisory'"
                " and objid = :lock)",
                lock=LOCK,
            )
        )


def test_an_answer_that_the_trail_does_not_know_is_named(house: House, keys: Keys) -> None:
    """
    A row of the approvals that was edited into an answer.
    """
    from tests.integration.waiting import add_calls

    add_asset(house)
    act = add_calls(house, "high")
    house.database.run(
        "insert into approval (public_id, run_id, action_run_id, container_id, status, answer,"
        " answered_by, due_at) select 'p', run_id, join_id, container_id, 'answered', 'Approve',"
        " 'eve', now() from app_run where id = %(id)s",
        {"id": act.calls[0]},
    )

    breach = found(house, keys[0]).breach

    assert breach is not None
    assert "has an answer that is not in the audit trail" in breach.why


def program() -> str:
    """Return the program that the how-to gives to a third party."""
    (found,) = re.findall(r"```python\n(.*?)```", HOWTO.read_text(), re.DOTALL)
    assert len(found.splitlines()) <= 30
    return str(found)


def third_party(lines: str, pem: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let somebody check the lines who has nothing but them and the public keys."""
    (folder / "audit.jsonl").write_text(lines)
    command = [sys.executable, "-I", "-c", program(), str(folder / "audit.jsonl"), str(pem)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_third_party_can_check_the_chain(
    house: House, keys: Keys, soar: Soar, tmp_path: Path
) -> None:
    """
    With the program of the how-to, which knows nothing of this product.
    """
    decide(house, 5, signed=(2, 4))

    lines = soar("audit", "export").stdout
    told = third_party(lines, keys[1], tmp_path)

    assert told.returncode == 0, told.stderr
    assert "5 entries hold; a signature seals the first 4; head " in told.stdout
    assert len(soar("audit", "export", "--after", 3).stdout.splitlines()) == 2


TAMPERED: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "an entry taken out": lambda lines: lines.pop(2),
    "two entries swapped": lambda lines: lines.insert(1, lines.pop(2)),
    "another text": lambda lines: lines[1].update(entry=lines[1]["entry"].replace("2", "3")),
    "another signature": lambda lines: lines[1].update(signature=lines[3]["signature"]),
}


@pytest.mark.parametrize("change", list(TAMPERED.values()), ids=list(TAMPERED))
def test_a_third_party_sees_what_was_changed(
    house: House,
    keys: Keys,
    soar: Soar,
    tmp_path: Path,
    change: Callable[[list[dict[str, Any]]], Any],
) -> None:
    """
    In the lines that it was given.
    """
    decide(house, 5, signed=(2, 4))
    lines = [json.loads(line) for line in soar("audit", "export").stdout.splitlines()]
    change(lines)

    told = third_party("\n".join(map(json.dumps, lines)), keys[1], tmp_path)

    assert told.returncode != 0


def test_without_a_key_nothing_is_verified(house: House, soar: Soar) -> None:
    """
    The option that is missing is named.
    """
    told = soar("audit", "verify")

    assert told.exit_code == 2
    assert "--keys" in told.stderr


def test_a_key_of_somebody_else_verifies_nothing(house: House) -> None:
    """
    The entry and the key that signed it are named.
    """
    decide(house, 2, signed=(2,))
    stranger = Signer(Ed25519PrivateKey.generate())

    breach = found(house, Verifier({stranger.key_id: stranger.key.public_key()})).breach

    assert breach is not None
    assert breach.number == 2
    assert house.signer().key_id in breach.why


def test_the_newest_entries_are_shown_first(house: House, soar: Soar) -> None:
    """
    With who, what, and whether a person signed.
    """
    decide(house, 3, signed=(2,))

    shown = json.loads(soar("audit", "--limit", 2, "--json").stdout)

    assert [(row["number"], row["who"], row["signed"]) for row in shown] == [
        (3, "person 3", False),
        (2, "person 2", True),
    ]


def test_a_work_without_decisions_does_not_touch_the_trail(house: House) -> None:
    """
    Most transactions decide nothing, and take no lock.
    """
    with house.database.begin() as work:
        assert isinstance(work, Work)
        assert work.finish() == []
        assert not _locked(house)
