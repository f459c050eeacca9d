"""
Seals and opens secrets; nothing opened can be printed.

In: credentials of an asset. Out: sealed text for the store, :class:`Secret` for one call.
Never: imported by a process that runs playbook code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from soar.domain.errors import SoarError
from soar.domain.secret import Secret

SEALED = "sealed"


class VaultClosed(SoarError):
    """A secret cannot be opened with the keys at hand."""


class Vault:
    """Seals with the first key, opens with any: rotation is a new key in front."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        if not keys:
            raise VaultClosed("no vault key: set SOAR_VAULT_KEYS or SOAR_VAULT_KEY_FILE")
        try:
            self._fernet = MultiFernet([Fernet(key.reveal()) for key in keys])
        except ValueError:
            raise VaultClosed(
                "a vault key is not valid: make one with `soar vault new-key`"
            ) from None

    def __repr__(self) -> str:
        return "Vault(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is never pickled: it holds the keys")

    def seal(self, text: str) -> dict[str, str]:
        """Return a secret in the form the store keeps."""
        return {SEALED: self._fernet.encrypt(text.encode()).decode()}

    def open(self, sealed: Mapping[str, str]) -> Secret:
        """Return a sealed secret, opened but not printable."""
        try:
            return Secret(self._fernet.decrypt(sealed[SEALED].encode()).decode())
        except (InvalidToken, KeyError):
            raise VaultClosed("a secret was sealed with a key that is not in the vault") from None

    def rotate(self, sealed: Mapping[str, str]) -> dict[str, str]:
        """Seal an existing secret again with the first key."""
        try:
            return {SEALED: self._fernet.rotate(sealed[SEALED].encode()).decode()}
        except (InvalidToken, KeyError):
            raise VaultClosed("a secret was sealed with a key that is not in the vault") from None

    def open_all(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """Return a configuration with every sealed value opened."""
        return {
            name: self.open(value) if is_sealed(value) else value
            for name, value in configuration.items()
        }


def new_key() -> str:
    """Make a vault key."""
    return Fernet.generate_key().decode()


def is_sealed(value: Any) -> bool:
    """Tell whether a configuration value is a sealed secret."""
    return isinstance(value, Mapping) and set(value) == {SEALED}


def shown(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as people may see it: secrets are stars."""
    return {n: "***" if is_sealed(v) else v for n, v in configuration.items()}
