"""
Signs a human's answer and verifies one: Ed25519, with key ids.

In: the private key where people answer (http, command line); public keys where calls are made.
Out: a signature over the canonical answer. Never: a private key in an action worker or engine.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from soar.domain.errors import SoarError
from soar.domain.gate import canonical


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
    """Knows the public keys whose answers count."""

    keys: Mapping[str, Ed25519PublicKey]

    def verify(self, answer: Mapping[str, Any], signature: str, key: str) -> bool:
        """Tell whether a known key made this signature over exactly this answer."""
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
    """Read a file of one or more public keys (PEM blocks one after the other)."""
    try:
        text = file.read_text()
    except OSError as error:
        raise SoarError(f"verify key {file}: cannot be read ({type(error).__name__})") from None
    mark = "-----END PUBLIC KEY-----"
    keys = {}
    for block in text.split(mark)[:-1]:
        try:
            key = serialization.load_pem_public_key((block.strip() + "\n" + mark).encode())
        except ValueError:
            raise SoarError(f"verify key {file}: holds something that is no public key") from None
        if isinstance(key, Ed25519PublicKey):
            keys[key_id(key)] = key
    return Verifier(keys)
