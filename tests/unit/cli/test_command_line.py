"""How a command line ends without any server: help, usage, failures, the reference page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from soar.cli import app, exits, reference
from soar.domain.errors import ActionFailed, BadInput, Conflict, NotAllowed, NotFound
from soar.settings import Settings
from soar.store import errors

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "cli.md"


def soar(*words: str, env: dict[str, str] | None = None, given: str | None = None) -> Result:
    """Run one command line."""
    return CliRunner().invoke(app, list(words), env=env, input=given, prog_name="soar")


def all_commands() -> list[str]:
    """Return the words of every command."""
    import typer

    return [path for path, _ in reference.commands(typer.main.get_command(app))]


@pytest.mark.parametrize("path", all_commands())
def test_every_command_explains_itself_and_speaks_json(path):
    """
    Every command has a help text of its own, and takes --json.
    """
    result = soar(*path.split()[1:], "--help")

    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_the_reference_page_is_what_the_commands_say():
    """
    docs/reference/cli.md names every command and option, because it is written from them.
    """
    assert PAGE.read_text(encoding="utf-8") == reference.render(app), (
        "run: python -m soar.cli.reference > docs/reference/cli.md"
    )


def test_a_usage_error_is_one_sentence_and_a_document():
    """
    A wrong option ends with 2; with --json the same sentence is a document on standard output.
    """
    result = soar("runs", "--limit", "many", "--json")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    document = json.loads(result.stdout)
    assert document["field"] == "limit"
    assert document["error"] in result.stderr


def test_an_unknown_command_is_named():
    """
    A word that is no command ends with 2, without a traceback.
    """
    result = soar("asset", "paint")

    assert result.exit_code == 2
    assert "paint" in result.stderr
    assert "Traceback" not in result.output


def test_a_group_without_a_command_shows_its_help():
    """
    `soar asset` alone shows what it offers and ends with 2.
    """
    result = soar("asset")

    assert result.exit_code == 2
    assert "delete" in result.output


def test_a_missing_setting_is_named():
    """
    Without SOAR_DATABASE_URL a command says which variable is missing, as a field.
    """
    result = soar("asset", "list", "--json", env={"SOAR_DATABASE_URL": ""})

    assert result.exit_code == 2
    assert json.loads(result.stdout)["field"] == "SOAR_DATABASE_URL"


def test_an_unreachable_database_is_one_sentence_without_credentials():
    """
    A database that does not answer names the variable, and nothing of its URL.
    """
    env = {
        "SOAR_DATABASE_URL": "postgresql+psycopg2://anna:hunter2@127.0.0.1:1/soar",
        "SOAR_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0",
    }

    result = soar("asset", "list", "--json", env=env)

    assert result.exit_code == 1
    assert "SOAR_DATABASE_URL" in json.loads(result.stdout)["error"]
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", ["redis://:hunter2@127.0.0.1:1/0", "hunter2", ""])
def test_an_unreachable_redis_is_one_sentence_without_credentials(url):
    """
    A Redis that does not answer, or a URL that is none, names the variable and nothing of it.
    """
    result = soar("alert", "dead", env={"SOAR_REDIS_URL": url})

    assert result.exit_code in (1, 2)
    assert "SOAR_REDIS_URL" in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("name", "is missing"), 2),
        (NotFound("no"), 3),
        (NotAllowed("no"), 4),
        (Conflict("no"), 5),
        (ActionFailed("no"), 1),
        (OSError(2, "No such file"), 1),
        (redis.ConnectionError("no"), 1),
        (errors.NoSuchRevision("no"), 1),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(error, code):
    """
    What scripts branch on is the exit code, and it follows the kind of the failure.
    """
    assert exits.explain(error)[2] == code


def test_a_bug_surfaces_as_a_bug():
    """
    An exception that nobody foresaw is not dressed up as a sentence.
    """
    with pytest.raises(ZeroDivisionError):
        exits.explain(ZeroDivisionError())


def test_ctrl_c_ends_quietly_with_130(monkeypatch):
    """
    Ctrl-C ends a command with 130 and says nothing.
    """

    def interrupted() -> Settings:
        raise KeyboardInterrupt

    monkeypatch.setattr("soar.settings.load", interrupted)

    result = soar("asset", "list")

    assert result.exit_code == 130
    assert result.output == ""


def test_the_version_is_one_line():
    """
    `soar --version` says which release this is.
    """
    result = soar("--version")

    assert result.exit_code == 0
    assert result.stdout.startswith("soar ")


def test_a_new_vault_key_is_a_key():
    """
    `soar vault new-key` prints a key that a vault accepts, and nothing else.
    """
    from soar.domain.secret import Secret
    from soar.vault import Vault

    key = json.loads(soar("vault", "new-key", "--json").stdout)["key"]

    assert Vault([Secret(key)]).open(Vault([Secret(key)]).seal("x")) == Secret("x")
    assert len(soar("vault", "new-key").stdout.split()) == 1


def test_a_signing_key_is_never_written_over(tmp_path):
    """
    A second `soar signing-key` into the same files ends with 5 and changes nothing.
    """
    private, public = tmp_path / "signing.pem", tmp_path / "verify.pem"
    first = soar("signing-key", str(private), str(public))
    kept = private.read_bytes()

    second = soar("signing-key", str(private), str(public))

    assert (first.exit_code, second.exit_code) == (0, 5)
    assert private.read_bytes() == kept
    assert private.stat().st_mode & 0o077 == 0


def test_a_worker_gets_the_settings_and_its_role(monkeypatch):
    """
    `soar worker beat` hands the settings to that role, with a JSON log where asked.
    """
    given: list[Settings] = []
    monkeypatch.setattr("workers.beat.main", given.append)

    assert soar("worker", "beat", "--json").exit_code == 0
    assert given[0].log_json is True


def test_moving_down_must_say_where_to():
    """
    `soar migrate --down` without --to is refused before anything is touched.
    """
    result = soar("migrate", "--down", env={"SOAR_DATABASE_URL": "postgresql+psycopg2://x/y"})

    assert result.exit_code == 2
    assert "--to" in result.stderr
