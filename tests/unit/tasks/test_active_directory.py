"""
Active Directory's room against the lab's own directory, over LDAPS.

In: a directory process on loopback. Out: proof that a flag is changed, read back and verified.
Never: plain LDAP, or a real domain.
"""

from __future__ import annotations

import ast
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    OutcomeUnknown,
    Output,
    Params,
    RetryLater,
    Secret,
)
from soar.lab.directory import DirectoryServer, person_password
from soar.lab.server import write_certificate
from soar.lab.world import World
from soar.tasks.active_directory import account, actions, client

Open = Callable[..., ActionContext]
KEYS = World().keys
JDOE = "CN=Jane Doe,CN=Users,DC=example,DC=org"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectoryServer]:
    """The directory's process, one for this file."""
    server = DirectoryServer(tmp_path_factory.mktemp("directory")).start()
    yield server
    server.stop()


@pytest.fixture
def open_asset(running: DirectoryServer, context: Callable[..., ActionContext]) -> Open:
    """Makes the context of one call, with settings of the asset changed by name."""

    def make(**settings: Any) -> ActionContext:
        values = {
            "server": f"{running.host}:{running.port}",
            "username": KEYS["directory_user"],
            "password": Secret(KEYS["directory_password"]),
            "ssl": True,
            "ca_file": str(running.certificate),
        }
        return context({**values, **settings}, "ad_prod")

    return make


@pytest.fixture
def directory(running: DirectoryServer, open_asset: Open) -> DirectoryServer:
    """The directory with every user enabled and no fault left on."""
    (running.folder / "directory-fault").unlink(missing_ok=True)
    for name, flags in running.state().items():
        if flags["disabled"]:
            actions.enable_user(open_asset(), user(name))
    return running


def user(name: str = "jdoe") -> Params:
    """The parameters that name one user."""
    return Params({"username": name})


def verify(function: Any, ctx: ActionContext, params: Params) -> Output | None:
    """Ask what the engine asks after a lost answer."""
    found: Output | None = function.__soar_verify__(ctx, params)
    return found


def is_disabled(directory: DirectoryServer, name: str = "jdoe") -> bool:
    """Read the flag as the directory keeps it."""
    return bool(directory.state().get(name, {}).get("disabled", False))


def test_a_user_is_disabled(directory: DirectoryServer, open_asset: Open) -> None:
    """
    Disabling sets the flag and reports who it was, with the GUID that outlives a rename.
    """
    output = actions.disable_user(open_asset(), user())

    assert output.message == "jdoe disabled"
    assert output.summary["dn"] == JDOE
    assert output.summary["disabled"] is True
    assert output.summary["mail"] == "jdoe@example.org"
    assert len(output.summary["object_guid"]) == 36
    assert directory.state()["jdoe"]["user_account_control"] == 514


def test_a_disabled_user_is_a_success_without_a_write(
    directory: DirectoryServer, open_asset: Open
) -> None:
    """
    A second disabling changes nothing; a switched-on fault of the next change proves it.
    """
    actions.disable_user(open_asset(), user())
    directory.fault("refused")

    again = actions.disable_user(open_asset(), user())

    assert again.message == "jdoe is already disabled"
    assert again.summary["disabled"] is True


def test_a_user_is_enabled_again(directory: DirectoryServer, open_asset: Open) -> None:
    """
    Enabling undoes a disabling and leaves all other flags as they were.
    """
    actions.disable_user(open_asset(), user())

    output = actions.enable_user(open_asset(), user())

    assert output.message == "jdoe enabled"
    assert directory.state()["jdoe"]["user_account_control"] == 512
    assert actions.enable_user(open_asset(), user()).message == "jdoe is already enabled"


@pytest.mark.parametrize(
    "name",
    ["JDOE", "jdoe@example.org", JDOE, "cn=jane doe, cn=users, dc=example, dc=org", " jdoe "],
)
def test_a_user_is_found_by_each_of_its_names(
    directory: DirectoryServer, open_asset: Open, name: str
) -> None:
    """
    Account name, user principal name and distinguished name lead to the same user.
    """
    output = actions.get_user_attributes(open_asset(), user(name))

    assert output.message == "jdoe is enabled"
    assert output.summary["dn"] == JDOE


def test_attributes_are_read_in_words(directory: DirectoryServer, open_asset: Open) -> None:
    """
    Lists stay lists, times are ISO texts, and a lockout shows.
    """
    row = actions.get_user_attributes(open_asset(), user("mlocked")).data[0]

    assert row["memberOf"] == ["CN=Staff,OU=Groups,DC=example,DC=org"]
    assert row["pwdLastSet"] == "2024-01-17T21:20:00+00:00"
    assert row["lastLogonTimestamp"] == ""
    assert row["locked"] is True


@pytest.mark.parametrize(
    "hostile",
    ["*", "j*", "jdoe)(objectClass=*", "*)(|(a=b", "jdoe\x00", "nobody", "nobody@example.org"],
)
def test_a_name_is_never_a_pattern(
    directory: DirectoryServer, open_asset: Open, hostile: str
) -> None:
    """
    Characters of a filter are escaped: they name nobody, and nobody is disabled.
    """
    ctx = open_asset()
    with pytest.raises(ActionFailed, match="no such user"):
        actions.disable_user(ctx, user(hostile))

    assert ctx.http.notes.heard  # it is an answer all the same
    assert not any(flags["disabled"] for flags in directory.state().values())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "'username' is empty"),
        ("OTHER\\jdoe", "without its domain"),
        ("CN=Nobody,CN=Users,DC=example,DC=org", "no such user: the directory has no CN=Nobody"),
        ("CN=x,,=", "not a distinguished name|no such user"),
    ],
)
def test_a_name_that_cannot_be_used_says_why(
    directory: DirectoryServer, open_asset: Open, name: str, sentence: str
) -> None:
    """
    An empty name, a foreign domain, an unknown or broken distinguished name fail in words.
    """
    with pytest.raises(ActionFailed, match=sentence):
        actions.disable_user(open_asset(), user(name))


def test_a_user_outside_the_base_is_nobody(directory: DirectoryServer, open_asset: Open) -> None:
    """
    An asset limited to a part of the tree does not reach beyond it, not even by full name.
    """
    ctx = open_asset(base_dn="CN=Richard Roe, CN=Users,DC=Example,DC=ORG")

    with pytest.raises(ActionFailed, match="is not below"):
        actions.disable_user(ctx, user(JDOE))
    assert actions.disable_user(ctx, user("rroe")).message == "rroe disabled"


def test_a_lost_answer_is_verified_by_reading(directory: DirectoryServer, open_asset: Open) -> None:
    """
    When the answer to the change is lost, reading the flag shows that it took effect.
    """
    directory.fault("lost_answer")
    with pytest.raises(OutcomeUnknown):
        actions.disable_user(open_asset(), user())

    found = verify(actions.disable_user, open_asset(), user())

    assert found is not None
    assert found.message == "jdoe disabled"
    assert is_disabled(directory)


def test_a_cut_before_the_change_is_verified_as_not_done(
    directory: DirectoryServer, open_asset: Open
) -> None:
    """
    When nothing was changed, the verification says so and the retry does it.
    """
    directory.fault("reset")
    with pytest.raises(OutcomeUnknown):
        actions.disable_user(open_asset(), user())

    assert verify(actions.disable_user, open_asset(), user()) is None
    assert verify(actions.enable_user, open_asset(), user()) is not None
    assert actions.disable_user(open_asset(), user()).message == "jdoe disabled"


def test_a_change_without_effect_is_a_failure(directory: DirectoryServer, open_asset: Open) -> None:
    """
    A success that cannot be read back is not believed.
    """
    directory.fault("ignored")

    with pytest.raises(ActionFailed, match="jdoe is unchanged"):
        actions.disable_user(open_asset(), user())


def test_a_change_that_cannot_be_read_back_is_unknown(
    directory: DirectoryServer, open_asset: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the connection dies between the write and the reading, the outcome is unknown.
    """
    write = client.Directory.write_control

    def write_and_hang_up(self: client.Directory, *given: Any) -> None:
        write(self, *given)
        self._connection.socket.close()

    monkeypatch.setattr(client.Directory, "write_control", write_and_hang_up)

    with pytest.raises(OutcomeUnknown, match="could not be read back"):
        actions.disable_user(open_asset(), user())
    assert is_disabled(directory)


@pytest.mark.parametrize(("fault", "failure"), [("busy", RetryLater), ("refused", ActionFailed)])
def test_a_refused_change_is_named(
    directory: DirectoryServer, open_asset: Open, fault: str, failure: type[Exception]
) -> None:
    """
    Busy means later, unwilling means no.
    """
    directory.fault(fault)

    with pytest.raises(failure):
        actions.disable_user(open_asset(), user())
    assert not is_disabled(directory)


def test_a_protected_account_answers_insufficient_rights(
    directory: DirectoryServer, open_asset: Open
) -> None:
    """
    50 is a failure of this action: the service account is right but not mighty enough.
    """
    with pytest.raises(ActionFailed, match="insufficient rights"):
        actions.disable_user(open_asset(), user("administrator"))


def test_an_ordinary_user_may_not_disable(directory: DirectoryServer, open_asset: Open) -> None:
    """
    A service account without the delegated right gets insufficient rights.
    """
    ctx = open_asset(username="rroe@example.org", password=Secret(person_password("rroe")))

    with pytest.raises(ActionFailed, match="insufficient rights"):
        actions.disable_user(ctx, user())


@pytest.mark.parametrize("own", ["soar_svc", "soar_svc@example.org"])
def test_the_assets_own_account_is_never_disabled(
    directory: DirectoryServer, open_asset: Open, own: str
) -> None:
    """
    The service account would lock itself out, so it refuses to disable itself.
    """
    with pytest.raises(ActionFailed, match="own service account"):
        actions.disable_user(open_asset(), user(own))


@pytest.mark.parametrize(
    ("username", "password", "sentence"),
    [
        (KEYS["directory_user"], "pa55-wrong", "password is wrong"),
        ("", "pa55-wrong", "has no username"),
        ("nobody@example.org", "pa55-wrong", "does not exist"),
        ("mlocked@example.org", person_password("mlocked"), "locked out"),
        ("nchange@example.org", person_password("nchange"), "must change its password"),
    ],
)
def test_a_refused_sign_in_says_why_and_stays_secret(
    directory: DirectoryServer, open_asset: Open, username: str, password: str, sentence: str
) -> None:
    """
    49 marks the asset; AD's code becomes a sentence, and the password stays out of it.
    """
    with pytest.raises(BadCredentials, match=sentence) as refused:
        actions.test_connectivity(open_asset(username=username, password=Secret(password)), user())

    assert password not in str(refused.value)


def test_a_disabled_user_cannot_sign_in(directory: DirectoryServer, open_asset: Open) -> None:
    """
    What was disabled is refused with code 533.
    """
    actions.disable_user(open_asset(), user("rroe"))
    ctx = open_asset(username="EXAMPLE\\rroe", password=Secret(person_password("rroe")))

    with pytest.raises(BadCredentials, match="is disabled"):
        actions.test_connectivity(ctx, user())


def test_connectivity_names_the_domain(directory: DirectoryServer, open_asset: Open) -> None:
    """
    The test signs in and reads the domain's name.
    """
    output = actions.test_connectivity(open_asset(), Params({}))

    assert output.message == "Active Directory answers: DC=example,DC=org"


@pytest.mark.parametrize(
    ("setting", "value"), [("ssl", False), ("ssl", "false"), ("server", "ldap://127.0.0.1")]
)
def test_plain_ldap_is_refused(
    directory: DirectoryServer, open_asset: Open, setting: str, value: Any
) -> None:
    """
    Nothing is connected to without TLS.
    """
    with pytest.raises(ActionFailed, match="plain LDAP would send"):
        actions.test_connectivity(open_asset(**{setting: value}), Params({}))


@pytest.mark.parametrize("server", ["", "host:port", "ldaps://"])
def test_a_server_that_is_no_address_is_named(
    directory: DirectoryServer, open_asset: Open, server: str
) -> None:
    """
    A server setting that is neither host nor host:port fails in words.
    """
    with pytest.raises(ActionFailed, match="is not host or host:port"):
        actions.test_connectivity(open_asset(server=server), Params({}))


def test_a_foreign_certificate_is_refused(
    directory: DirectoryServer, open_asset: Open, tmp_path: Path
) -> None:
    """
    A certificate that the asset's CA did not sign ends the connection before the sign-in.
    """
    foreign, _ = write_certificate(tmp_path)

    with pytest.raises(ActionFailed, match="certificate is not trusted"):
        actions.test_connectivity(open_asset(ca_file=str(foreign)), Params({}))


def test_another_name_than_the_certificates_is_refused(
    directory: DirectoryServer, open_asset: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A trusted certificate of another host is refused as well: the name is checked.
    """
    shake = client.VerifiedTls.wrap_socket

    def under_another_name(self: client.VerifiedTls, connection: Any, **more: Any) -> None:
        connection.server.host = "dc01.example.org"
        shake(self, connection, **more)

    monkeypatch.setattr(client.VerifiedTls, "wrap_socket", under_another_name)

    with pytest.raises(ActionFailed, match="certificate is not trusted"):
        actions.test_connectivity(open_asset(), Params({}))


def test_a_ca_file_that_is_not_there_is_named(directory: DirectoryServer, open_asset: Open) -> None:
    """
    A missing CA file is a setting to correct, not a reason to trust anybody.
    """
    with pytest.raises(ActionFailed, match="ca_file cannot be read"):
        actions.test_connectivity(open_asset(ca_file="/nowhere/ca.pem"), Params({}))


def test_a_directory_that_is_away_is_asked_later(open_asset: Open, tmp_path: Path) -> None:
    """
    No connection means later, for action and verification, and that nobody answers.
    """
    stopped = DirectoryServer(tmp_path).start()
    stopped.stop()
    ctx = open_asset(server=f"127.0.0.1:{stopped.port}", ca_file=str(stopped.certificate))

    looks: list[Any] = [actions.disable_user, actions.get_user_attributes]
    for look in [*looks, partial(verify, actions.disable_user)]:
        with pytest.raises(RetryLater) as caught:
            look(ctx, user())
        assert caught.value.no_answer
        assert not caught.value.all_calls


def test_a_directory_that_goes_away_between_two_searches_gives_no_answer(open_asset: Open) -> None:
    """
    A read whose answer is lost changed nothing, and nobody answered it.
    """
    with client.opened(open_asset()) as directory:
        directory._connection.socket.shutdown(socket.SHUT_RDWR)

        with pytest.raises(RetryLater, match="was lost") as caught:
            directory.account("jdoe")
    assert caught.value.no_answer


def test_flags_survive_a_restart_of_the_directory(open_asset: Open, tmp_path: Path) -> None:
    """
    The lab's directory keeps what was disabled in its folder.
    """
    first = DirectoryServer(tmp_path).start()
    here = {"server": f"127.0.0.1:{first.port}", "ca_file": str(first.certificate)}
    actions.disable_user(open_asset(**here), user())
    first.stop()

    second = DirectoryServer(tmp_path, port=first.port).start()
    try:
        again = actions.disable_user(open_asset(**here), user())
    finally:
        second.stop()

    assert again.message == "jdoe is already disabled"


def test_only_the_client_knows_ldap3() -> None:
    """
    The library can be replaced in one file.
    """
    for module in (account, actions):
        tree = ast.parse(Path(str(module.__file__)).read_text())
        imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not any(str(name).startswith("ldap3") for name in imported)
