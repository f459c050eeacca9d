"""
Signs a human's answer and verifies one: Ed25519, with key ids.

In: the private key where people answer (http, command line); public keys where calls are made.
Out: a signature over the canonical answer. Never: a private key in an action worker or engine.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from soar.domain.errors import SoarError
from soar.domain.gate import canonical

UNTIL = re.compile(r"^#\s*until\s+(\S+)\s*$", re.MULTILINE)
"""The line before a public key that says until when its signatures let calls go."""
MARK = "-----END PUBLIC KEY-----"


def _now() -> datetime:
    return datetime.now(UTC)


def key_id(public: Ed25519PublicKey) -> str:
    """Return the name of a key: 16 hex digits of the SHA-256 of its raw public bytes."""
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one private key."""

    key: Ed25519PrivateKey

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""
        return key_id(self.key.public_key())

    def sign(self, answer: Mapping[str, Any]) -> str:
        """Return the signature of an answer as base64 text."""
        return base64.b64encode(self.key.sign(canonical(dict(answer)))).decode()


@dataclass(frozen=True, slots=True)
class Verifier:
    """Knows the public keys whose answers count, and until when those of a retired one do."""

    keys: Mapping[str, Ed25519PublicKey]
    until: Mapping[str, datetime] = field(default_factory=dict)
    clock: Callable[[], datetime] = _now

    def verify(self, answer: Mapping[str, Any], signature: str, key: str) -> bool:
        """
        Tell whether a known key made this signature over exactly this answer.

        A key that has been retired is as good as unknown, whatever time the answer names: whoever
        holds it can name any.
        """
        return not self.retired(key, self.clock()) and self.made(answer, signature, key)

    def retired(self, key: str, at: datetime) -> bool:
        """Tell whether a key counts no longer at that time."""
        return key in self.until and at >= self.until[key]

    def made(self, answer: Mapping[str, Any], signature: str, key: str) -> bool:
        """Tell whether a known key, retired or not, made this signature over exactly this."""
        public = self.keys.get(key)
        if public is None:
            return False
        try:
            raw = base64.b64decode(signature, validate=True)
            public.verify(raw, canonical(dict(answer)))
        except (InvalidSignature, ValueError):
            return False
        return base64.b64encode(raw).decode() == signature


def generate(private_file: Path, public_file: Path) -> None:
    """Make a key pair: the private file readable by its owner only."""
    key = Ed25519PrivateKey.generate()
    private_file.parent.mkdir(parents=True, exist_ok=True)
    private_file.touch(mode=0o600, exist_ok=False)
    private_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public_file.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def load_signer(file: Path) -> Signer:
    """Read a private key file."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise SoarError(f"signing key {file}: cannot be read ({type(error).__name__})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SoarError(f"signing key {file}: must be an Ed25519 key")
    return Signer(key)


def load_verifier(file: Path) -> Verifier:
    """
    Read a file of one or more public keys (PEM blocks one after the other).

    A line ``# until 2026-12-31T00:00:00+00:00`` before a block retires that key then.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SoarError(f"verify key {file}: cannot be read ({type(error).__name__})") from None
    keys, until = {}, {}
    for block in text.split(MARK)[:-1]:
        try:
            key = serialization.load_pem_public_key((block.strip() + "\n" + MARK).encode())
        except ValueError:
            raise SoarError(f"verify key {file}: holds something that is no public key") from None
        if isinstance(key, Ed25519PublicKey):
            keys[key_id(key)] = key
            until.update({key_id(key): moment for moment in _until(file, block)})
    return Verifier(keys, until)


def _until(file: Path, block: str) -> list[datetime]:
    """Return when the key of a block is retired, if a line before it says so."""
    moments = []
    for written in UNTIL.findall(block):
        try:
            moments.append(datetime.fromisoformat(written).astimezone(UTC))
        except ValueError:
            raise SoarError(
                f"verify key {file}: `# until {written[:40]}` names no time; write it like"
                " 2026-12-31T00:00:00+00:00"
            ) from None
    return moments
