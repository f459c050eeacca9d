"""
Environment to frozen settings; the only reader of the environment.

In: variables that begin with ``SOAR_``. Out: one frozen :class:`Settings` per process.
Never: a default credential, or a secret in a repr.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from soar.domain.errors import BadInput
from soar.domain.secret import Secret


class Settings(BaseSettings):
    """Everything that an operator can set; documented in ``docs/reference/settings.md``."""

    model_config = SettingsConfigDict(
        env_prefix="SOAR_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    data_dir: Path = Path("data")
    vault_keys: SecretStr = SecretStr("")
    vault_key_file: Path | None = None
    signing_key_file: Path | None = None
    verify_key_file: Path | None = None
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    trusted_proxies: str = ""
    public_url: str = Field(default="", pattern=r"^(https?://[^\s?#@]+)?$")
    rest_url: str = Field(default="", pattern=r"^(https?://[^\s?#@]+)?$")
    playbook_hosts: str = ""
    flower_port: int = 5555
    flower_basic_auth: SecretStr = SecretStr("")
    log_level: str = "INFO"
    log_json: bool = False
    alert_stream: str = "soar:alerts"
    labels: str = "events,phishing,notable,malware,incident,intrusion,vulnerability,enrichment"
    task_events: bool = True
    action_threads: int = 16
    engine_processes: int = 2
    block_seconds: float = 20.0
    engine_memory_mb: int = 2048
    result_kb: int = Field(default=1024, ge=16, le=16_384)
    block_artifacts: int = Field(default=10_000, ge=1, le=100_000)
    sweep_seconds: float = 1.0
    worker_lease_seconds: int = 12
    retry_attempts: int = 6
    retry_patience_seconds: int = 900
    breaker_failures: int = 5
    breaker_seconds: int = 30
    lane_overdue_minutes: int = 30
    action_gate_minutes: int = 60
    grant_minutes: int = 60
    approvers: str = "soc_tier2"
    session_idle_minutes: int = Field(default=30, ge=1, le=1440)
    session_hours: int = Field(default=12, ge=1, le=168)
    oidc_issuer: str = Field(default="", pattern=r"^(https?://[^\s?#@]+)?$")
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_ca_file: Path | None = None
    oidc_name: str = Field(default="single sign-on", max_length=60)
    oidc_scopes: str = "openid profile email"
    oidc_username_claim: str = ""
    oidc_groups_claim: str = "groups"
    oidc_roles: str = ""
    oidc_acr: str = ""
    oidc_create_people: bool = False
    visibility_timeout: int = 180
    stall_seconds: int = 20
    token: SecretStr = SecretStr("")

    @property
    def own_rest_url(self) -> str:
        """Where the engine reaches this system's own REST."""
        return self.rest_url.rstrip("/") or f"http://127.0.0.1:{self.http_port}"

    @property
    def most_call_seconds(self) -> float:
        """Longest time limit of a call: ended well before half of the visibility timeout."""
        return max(1.0, self.visibility_timeout / 2 - 10)

    def vault_key_list(self) -> list[Secret]:
        """Return the vault keys, newest first, from the variable or the key file."""
        text = self.vault_keys.get_secret_value()
        if not text and self.vault_key_file:
            try:
                text = self.vault_key_file.read_text()
            except OSError:
                raise BadInput(
                    "SOAR_VAULT_KEY_FILE", f"{self.vault_key_file} cannot be read"
                ) from None
        return [Secret(key) for key in text.replace(",", "\n").split()]

    def label_list(self) -> tuple[str, ...]:
        """Return the labels that alerts may carry besides those that triggers name."""
        return tuple(label.strip() for label in self.labels.split(",") if label.strip())


ALERT_GROUP = "soar"
"""The consumer group that reads the stream of alerts."""
RUNNING = "running.env"


def load_for_people() -> Settings:
    """
    Read the environment; without servers in it, reach the installation that runs here.

    `soar up` keeps ``running.env`` in its data directory, for its owner only, while it is up.
    """
    found = load()
    file = found.data_dir / RUNNING
    if found.database_url.get_secret_value() or not file.is_file():
        return found
    return load(file)


def remember(folder: Path, **values: str) -> Path:
    """Write the settings of a running installation where its owner's commands find them."""
    file = folder / RUNNING
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(f"SOAR_{name.upper()}='{v}'\n" for name, v in values.items()))
    return file


def load(file: Path | None = None) -> Settings:
    """Read the environment (then *file*); a value that cannot be used is named."""
    try:
        return Settings(_env_file=file)  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = "SOAR_" + "_".join(str(part) for part in first["loc"]).upper()
        raise BadInput(name, first["msg"]) from None


def child_environment(**values: str) -> dict[str, str]:
    """Return this process's environment for a child: its own ``SOAR_`` variables, none of ours."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SOAR_")}
    return {**inherited, **{f"SOAR_{k.upper()}": v for k, v in values.items()}}
