"""
Active Directory's room against a real domain controller: Samba, provisioned for this file.

In: Samba's programs, root, the LDAP ports of loopback. Out: the lab's directory told the truth.
Never: a domain that existed before, or an unverified certificate.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from soar.connector import (
    ActionContext,
    ActionFailed,
    AssetConfig,
    BadCredentials,
    Output,
    Params,
    Secret,
    VendorSession,
)
from soar.lab.server import write_certificate
from soar.tasks.active_directory import actions

PASSWORD = "Passw0rd!24"
OPERATOR, ORDINARY, LOCKED = "soar_svc@soar.test", "rroe@soar.test", "mlocked@soar.test"
PORTS = (389, 636, 3268, 3269)
Open = Callable[..., ActionContext]


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _why_not() -> str:
    """Say what is missing for a domain controller here, or nothing."""
    if not (shutil.which("samba-tool") and shutil.which("samba")):
        return "Samba's domain controller is not installed"
    if os.geteuid() != 0:
        return "a domain controller needs root"
    taken = [str(port) for port in PORTS if _taken(port)]
    return f"ports in use: {', '.join(taken)}" if taken else ""


pytestmark = [
    pytest.mark.samba,
    pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "ready"),
]


def samba_tool(*arguments: str) -> None:
    """Run one command of Samba's own administration tool."""
    done = subprocess.run(["samba-tool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _provision(folder: Path) -> Path:
    """Make a domain with four users, one of them an account operator; return its smb.conf."""
    samba_tool(
        "domain", "provision", f"--targetdir={folder}", "--realm=SOAR.TEST", "--domain=SOAR",
        "--adminpass=Passw0rd!23", "--server-role=dc", "--use-rfc2307", "--dns-backend=NONE",
        "--host-name=dc1", "--host-ip=127.0.0.1", "--option=interfaces=lo",
        "--option=bind interfaces only=yes",
    )  # fmt: skip
    configuration = folder / "etc" / "smb.conf"
    for name in ("jdoe", "rroe", "mlocked", "soar_svc"):
        mail = f"--mail-address={name}@soar.test"
        samba_tool("user", "create", name, PASSWORD, mail, "-s", str(configuration))
    samba_tool("group", "addmembers", "Account Operators", "soar_svc", "-s", str(configuration))
    samba_tool(
        "domain", "passwordsettings", "set", "--account-lockout-threshold=3",
        "-s", str(configuration),
    )  # fmt: skip
    return configuration


def _until_it_answers(process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if _taken(636):
            return
        try:
            pytest.fail(f"samba ended with {process.wait(timeout=0.1)}")
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("samba did not open its LDAPS port")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running controller, by the certificate it shows: ours, which names 127.0.0.1."""
    folder = tmp_path_factory.mktemp("samba")
    shown, key = write_certificate(folder)
    configuration = _provision(folder / "ad")
    options = {
        "server services": "ldap",
        "pid directory": str(folder),
        "log file": str(folder / "samba.log"),
        "panic action": "",
        "tls keyfile": str(key),
        "tls certfile": str(shown),
        "tls cafile": str(shown),
    }
    command = ["samba", "--foreground", "--no-process-group", "-s", str(configuration)]
    command += [f"--option={name}={value}" for name, value in options.items()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until_it_answers(process)
        yield shown
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def open_asset(certificate: Path) -> Iterator[Open]:
    """Makes the context of one call, with settings of the asset changed by name."""
    session = VendorSession()

    def make(**settings: Any) -> ActionContext:
        values = {
            "server": "127.0.0.1",
            "username": OPERATOR,
            "password": Secret(PASSWORD),
            "ssl": True,
            "ca_file": str(certificate),
        }
        asset = AssetConfig(slug="ad_prod", values={**values, **settings})
        return ActionContext(asset=asset, http=session, key="run-1:action-1:0f0f")

    yield make
    session.close()


def user(name: str = "jdoe") -> Params:
    """The parameters that name one user."""
    return Params({"username": name})


def verify(function: Any, ctx: ActionContext, params: Params) -> Output | None:
    """Ask what the engine asks after a lost answer."""
    found: Output | None = function.__soar_verify__(ctx, params)
    return found


def test_connectivity_names_the_domain(open_asset: Open) -> None:
    """
    A user principal name and DOMAIN\\user both sign in, and the domain is named.
    """
    for username in (OPERATOR, "SOAR\\soar_svc"):
        output = actions.test_connectivity(open_asset(username=username), Params({}))
        assert output.message == "Active Directory answers: DC=soar,DC=test"


@pytest.mark.parametrize("name", ["jdoe", "JDOE@soar.test", "CN=jdoe, CN=Users,DC=soar,DC=test"])
def test_attributes_are_read_by_each_name(open_asset: Open, name: str) -> None:
    """
    A real controller finds the user by account name, principal name and full name.
    """
    actions.enable_user(open_asset(), user())

    output = actions.get_user_attributes(open_asset(), user(name))

    assert output.message == "jdoe is enabled"
    assert output.summary["mail"] == "jdoe@soar.test"
    assert output.data[0]["pwdLastSet"].startswith("20")


def test_a_user_is_disabled_and_enabled(open_asset: Open) -> None:
    """
    The flag goes on and off, the sign-in follows it, and the GUID stays.
    """
    actions.enable_user(open_asset(), user())
    own = open_asset(username="jdoe@soar.test")

    disabled = actions.disable_user(open_asset(), user())

    assert disabled.message == "jdoe disabled"
    assert actions.disable_user(open_asset(), user()).message == "jdoe is already disabled"
    assert verify(actions.disable_user, open_asset(), user()) is not None
    with pytest.raises(BadCredentials, match="is disabled"):
        actions.test_connectivity(own, Params({}))

    enabled = actions.enable_user(open_asset(), user())

    assert enabled.message == "jdoe enabled"
    assert enabled.summary["object_guid"] == disabled.summary["object_guid"]
    assert verify(actions.disable_user, open_asset(), user()) is None
    actions.test_connectivity(own, Params({}))


def test_an_ordinary_user_may_not_disable(open_asset: Open) -> None:
    """
    Without the delegated right a real controller answers 50.
    """
    with pytest.raises(ActionFailed, match="insufficient rights"):
        actions.disable_user(open_asset(username=ORDINARY), user("soar_svc"))


@pytest.mark.parametrize(
    "name", ["nobody", "*", "jdoe)(cn=*", "CN=nobody,CN=Users,DC=soar,DC=test", "dc1$"]
)
def test_nobody_is_no_such_user(open_asset: Open, name: str) -> None:
    """
    Unknown names, patterns and computers are no users.
    """
    with pytest.raises(ActionFailed, match="no such user"):
        actions.disable_user(open_asset(), user(name))


def test_the_assets_own_account_is_never_disabled(open_asset: Open) -> None:
    """
    The service account refuses to disable itself, under any of its names.
    """
    ctx = open_asset(username="SOAR\\soar_svc")

    with pytest.raises(ActionFailed, match="own service account"):
        actions.disable_user(ctx, user(OPERATOR))


def test_wrong_passwords_end_in_a_lockout(open_asset: Open) -> None:
    """
    A real controller says 52e until the account is locked, then 775, and the lockout shows.
    """
    wrong = open_asset(username=LOCKED, password=Secret("pa55-wrong"))
    for _ in range(3):
        with pytest.raises(BadCredentials, match="password is wrong"):
            actions.test_connectivity(wrong, Params({}))

    with pytest.raises(BadCredentials, match="locked out"):
        actions.test_connectivity(open_asset(username=LOCKED), Params({}))
    assert actions.get_user_attributes(open_asset(), user("mlocked")).summary["locked"] is True


def test_the_certificates_name_is_checked(open_asset: Open, certificate: Path) -> None:
    """
    A name of the controller that its certificate does not hold is refused.
    """
    with pytest.raises(ActionFailed, match="certificate is not trusted"):
        actions.test_connectivity(open_asset(server=_another_name()), Params({}))


def _another_name() -> str:
    """Return a loopback address at which the controller listens and that no name covers."""
    return "[::1]" if _listens_on_ipv6() else pytest.skip("the controller has one address only")


def _listens_on_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    with socket.socket(socket.AF_INET6) as probe:
        return probe.connect_ex(("::1", 636)) == 0
