"""
What an operator sets of the provider: read as it was meant, or named in one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from soar import federation
from soar.domain.errors import BadInput
from soar.oidc import client as clients
from soar.settings import Settings


def settings(**more: Any) -> Settings:
    """Return settings with a provider."""
    given = {
        "public_url": "https://soar.example.com/",
        "oidc_issuer": "https://login.example.com/realms/soc",
        "oidc_client_id": "soar",
    }
    return Settings(**{**given, **more})


def test_without_an_issuer_there_is_no_provider() -> None:
    """
    Nothing else of it is looked at.
    """
    assert clients.of(Settings(oidc_roles="nonsense")) is None


def test_the_address_to_come_back_to_is_fixed_by_the_public_one(tmp_path: Path) -> None:
    """
    And the secret comes from its file, and is never shown.
    """
    file = tmp_path / "secret"
    file.write_text("s3cret\n")

    made = clients.of(settings(oidc_client_secret_file=file))

    assert made is not None
    assert made.redirect_uri == "https://soar.example.com/login/callback"
    assert made.secret is not None
    assert made.secret.reveal() == "s3cret"
    assert "s3cret" not in repr(made)
    assert made.most_seconds == 12 * 3600


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"oidc_client_id": ""}, "SOAR_OIDC_CLIENT_ID"),
        ({"public_url": ""}, "SOAR_PUBLIC_URL"),
        ({"public_url": "http://soar.example.com"}, "SOAR_PUBLIC_URL"),
        ({"oidc_issuer": "http://login.example.com"}, "SOAR_OIDC_ISSUER"),
        ({"oidc_issuer": "http://127.0.0.1.example.com"}, "SOAR_OIDC_ISSUER"),
        ({"oidc_scopes": "profile"}, "SOAR_OIDC_SCOPES"),
        ({"oidc_client_secret_file": Path("/no/such/file")}, "SOAR_OIDC_CLIENT_SECRET_FILE"),
        ({"oidc_client_secret_file": Path("/dev/null")}, "SOAR_OIDC_CLIENT_SECRET_FILE"),
        ({"oidc_ca_file": Path("/no/such/file")}, "SOAR_OIDC_CA_FILE"),
        ({"oidc_roles": "group"}, "SOAR_OIDC_ROLES"),
        ({"oidc_roles": "=role"}, "SOAR_OIDC_ROLES"),
        ({"oidc_roles": "group=r\nle"}, "SOAR_OIDC_ROLES"),
    ],
)
def test_what_cannot_be_is_named(more: dict[str, Any], field: str) -> None:
    """
    Before anybody is sent anywhere.
    """
    with pytest.raises(BadInput) as refused:
        federation.client(settings(**more))

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("address", "beside", "safe"),
    [
        ("https://a.test/x", "", True),
        ("https://a.test/x", "http://127.0.0.1:1", True),
        ("http://127.0.0.1:8080/x", "", True),
        ("http://[::1]:8080/x", "", True),
        ("http://localhost/x", "", True),
        ("http://127.0.0.1:8080/x", "https://a.test", False),
        ("http://a.test/x", "", False),
        ("http://localhost.evil.test/x", "", False),
        ("http://127.0.0.1@evil.test/x", "", False),
        ("ftp://127.0.0.1/x", "", False),
        ("https://", "", False),
        ("https://[bad", "", False),
        ("", "", False),
    ],
)
def test_only_tls_or_this_machine_is_safe(address: str, beside: str, safe: bool) -> None:
    """
    An address of this machine counts only beside a provider of this machine.
    """
    assert clients.is_safe(address, beside=beside) is safe


def test_groups_give_roles_and_may_have_an_equals_sign_in_their_name() -> None:
    """
    One group may give two roles, two groups the same one.
    """
    pairs = "a=analyst; a=soc_tier2 ;CN=SOC,OU=Groups=analyst;"
    made = clients.of(settings(oidc_roles=pairs, oidc_groups_claim="teams"))

    assert made is not None
    assert made.roles_of({"teams": ["a"]}) == ["analyst", "soc_tier2"]
    assert made.roles_of({"teams": ["a", "CN=SOC,OU=Groups"]}) == ["analyst", "soc_tier2"]
    assert made.roles_of({"teams": "CN=SOC,OU=Groups"}) == ["analyst"]
    assert made.roles_of({"groups": ["a"]}) == made.roles_of({"teams": None}) == []
