"""
A value that cannot be printed.

In: an opened credential. Out: the credential, only where somebody asks for it by name.
Never: in a repr, a str, a format string, a pickle or a JSON text.
"""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A credential that shows itself only to :meth:`reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the credential itself, for the one line that sends it to the vendor."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))
