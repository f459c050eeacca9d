"""
Codes of an authenticator app, against the numbers of RFC 6238.
"""

from __future__ import annotations

import base64

import pyotp
import pytest

from soar import codes
from soar.domain.secret import Secret

RFC = Secret(base64.b32encode(b"12345678901234567890").decode())


@pytest.mark.parametrize(
    ("now", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_the_numbers_of_the_standard_are_right(now: int, code: str) -> None:
    """
    Appendix B of RFC 6238, cut to six digits; spaces do not matter.
    """
    assert codes.step_of(RFC, code, now=now) == now // 30
    assert codes.step_of(RFC, f" {code[:3]} {code[3:]} ", now=now) == now // 30


def test_a_code_counts_one_step_early_and_one_step_late() -> None:
    """
    Clocks differ and people type slowly; two steps away it is wrong.
    """
    code = pyotp.TOTP(RFC.reveal()).generate_otp(1000)

    found = [codes.step_of(RFC, code, now=30 * step) for step in range(997, 1004)]

    assert found == [None, None, 1000, 1000, 1000, None, None]


@pytest.mark.parametrize("code", ["", "28708", "2870820", "28708x", "٢٨٧٠٨٢", "-87082", "287082\0"])
def test_what_is_no_code_is_wrong(code: str) -> None:
    """
    Six digits of ASCII, and nothing else.
    """
    assert codes.step_of(RFC, code, now=59) is None


def test_the_address_is_what_an_app_reads() -> None:
    """
    With the issuer and the name; the secret is in nothing else.
    """
    secret = codes.new_secret()
    read = pyotp.parse_uri(codes.address(secret, "anna@example.org"))

    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.name, read.issuer) == (secret.reveal(), "anna@example.org", "SOAR")
    assert len(secret.reveal()) == 32
    assert secret.reveal() not in repr(secret)
