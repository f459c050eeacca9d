"""
Starts the lab: one HTTP and one HTTPS door on loopback, and the directory over LDAPS.

In: a folder for its certificate. Out: a running :class:`LabServer` with the URLs of its doors.
Never: an address other than loopback.
"""

from __future__ import annotations

import importlib
import ipaddress
import pkgutil
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from soar.lab import vendors
from soar.lab.door import Door
from soar.lab.simulator import Lab, Simulator
from soar.lab.world import World

LOOPBACK = "127.0.0.1"


def simulators(world: World) -> tuple[Simulator, ...]:
    """Build every vendor module that offers ``build``."""
    built = []
    for module in sorted(pkgutil.iter_modules(vendors.__path__), key=lambda m: m.name):
        build: Callable[[World], Simulator] | None = getattr(
            importlib.import_module(f"soar.lab.vendors.{module.name}"), "build", None
        )
        if build:
            built.append(build(world))
    return tuple(built)


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for loopback; it is its own CA file."""
    certificate, key_file = folder / "lab-cert.pem", folder / "lab-key.pem"
    if certificate.exists() and key_file.exists():
        return certificate, key_file
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return certificate, key_file


@dataclass
class LabServer:
    """The running lab."""

    lab: Lab
    certificate: Path
    http: Door
    https: Door
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The plain door, for vendors whose SDK accepts HTTP."""
        return f"http://{LOOPBACK}:{self.http.server_port}"

    @property
    def tls_url(self) -> str:
        """The TLS door; verify it with :attr:`certificate`."""
        return f"https://{LOOPBACK}:{self.https.server_port}"

    def start(self) -> LabServer:
        """Serve in threads of this process until :meth:`stop`."""
        for server in (self.http, self.https):
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            self.threads.append(thread)
        return self

    def stop(self) -> None:
        """Close the doors."""
        for server in (self.http, self.https):
            server.shutdown()
            server.server_close()
        for thread in self.threads:
            thread.join(timeout=5)


def build(
    folder: Path, *, port: int = 0, tls_port: int = 0, world: World | None = None
) -> LabServer:
    """Make a lab on free (or given) loopback ports; ``start()`` it to serve."""
    certificate, key = write_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    lab = Lab(simulators=simulators(world or World()))

    return LabServer(
        lab=lab,
        certificate=certificate,
        http=Door(LOOPBACK, port, lab, None),
        https=Door(LOOPBACK, tls_port, lab, context),
    )
