"""
Codes of an authenticator app (RFC 6238): six digits that change every 30 seconds.

In: a secret and a code as somebody typed it. Out: the step that the code is of, or none.
Never: a secret in a log or a repr; that a code counts once is kept by the store.
"""

from __future__ import annotations

import hmac
import time

import pyotp
import segno

from soar.domain.secret import Secret

SECONDS = 30
ISSUER = "SOAR"
DIGITS = 6


def new_secret() -> Secret:
    """Make the secret of one person's codes: 160 random bits."""
    return Secret(pyotp.random_base32())


def address(secret: Secret, username: str, *, issuer: str = ISSUER) -> str:
    """Return the otpauth address that an authenticator app reads."""
    return pyotp.TOTP(secret.reveal()).provisioning_uri(name=username, issuer_name=issuer)


def step_of(secret: Secret, code: str, *, now: float | None = None) -> int | None:
    """Return the step that a code is of: this one, the one before or the one after."""
    given = "".join(code.split())
    if len(given) != DIGITS or not (given.isascii() and given.isdigit()):
        return None
    made = pyotp.TOTP(secret.reveal())
    current = int((time.time() if now is None else now) // SECONDS)
    found = None
    for step in (current - 1, current, current + 1):
        if hmac.compare_digest(made.generate_otp(step), given):
            found = step
    return found


def drawn(address: str) -> str:
    """Return an otpauth address as the SVG of a QR code; it holds no markup from outside."""
    made = segno.make(address, micro=False)
    text: str = made.svg_inline(scale=5, dark="#000", light="#fff", border=4)
    return text
