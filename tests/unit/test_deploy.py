"""
What deploy/ promises: pinned images, no credential, and each key only where it is needed.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from soar.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ROLES = {"engine", "actions", "ingest", "beat", "http", "flower"}
KEYS_OF = {"actions": {"vault", "verify"}, "http": {"vault", "signing", "verify"}}
ADDRESSES = ("SOAR_PUBLIC_URL", "SOAR_REST_URL")
"""Where something is; neither may hold a login."""
KEY_SETTINGS = {f"SOAR_{key}_KEY_FILE" for key in ("VAULT", "SIGNING", "VERIFY")}
# Read by compose.yaml alone.
NOT_OF_THE_PRODUCT = {"SOAR_SECRETS_DIR"}
# Given by compose.yaml to single services, or of no use in a container.
NOT_FOR_ALL = {
    *KEY_SETTINGS,
    "SOAR_VAULT_KEYS",
    "SOAR_DATA_DIR",
    "SOAR_TOKEN",
    "SOAR_HTTP_HOST",
    "SOAR_HTTP_PORT",
    "SOAR_TRUSTED_PROXIES",
    "SOAR_FLOWER_PORT",
    "SOAR_FLOWER_BASIC_AUTH",
    "SOAR_SECRETS_DIR",
    *(f"SOAR_{name.upper()}" for name in Settings.model_fields if name.startswith("oidc_")),
}
Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    """All YAML documents of one file."""
    return list(yaml.safe_load_all(path.read_text()))


def compose() -> Document:
    """The parsed compose.yaml."""
    return documents(DEPLOY / "compose.yaml")[0]


def services() -> dict[str, Document]:
    """The services of compose.yaml by name."""
    found: dict[str, Document] = compose()["services"]
    return found


def pods() -> Iterator[tuple[str, Document]]:
    """The component and pod of every workload in k8s/."""
    for path in sorted((DEPLOY / "k8s").glob("*.yaml")):
        for document in documents(path):
            if document["kind"] in {"Deployment", "Job"}:
                name = document["metadata"]["labels"]["app.kubernetes.io/component"]
                yield name, document["spec"]["template"]["spec"]


def keys_in(environment: Mapping[str, object]) -> set[str]:
    """Which keys an environment names, as vault, signing, verify."""
    return {name.split("_")[1].lower() for name in environment if name in KEY_SETTINGS}


def example() -> dict[str, str]:
    """The settings of env.example; one behind a # has no value."""
    found: dict[str, str] = {}
    for line in (DEPLOY / "env.example").read_text().splitlines():
        if match := re.fullmatch(r"(#?)([A-Z_]+)=(.*)", line):
            hidden, name, value = match.groups()
            assert name not in found, f"{name} stands there twice"
            assert not (hidden and value), f"{name} is hidden and has a value"
            found[name] = value
    return found


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a systemd unit, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_every_role_is_a_service_with_its_command() -> None:
    """
    compose.yaml runs each role by `soar worker ROLE`, all from one image.
    """
    for role in ROLES:
        assert services()[role]["command"] == ["soar", "worker", role]
        assert services()[role]["image"] == services()["migrate"]["image"]
    assert set(services()) == {*ROLES, "migrate", "postgres", "valkey"}
    assert services()["migrate"]["command"] == ["soar", "migrate"]


def test_every_image_is_pinned_by_a_tag() -> None:
    """
    No image of compose, k8s or the Dockerfile floats on `latest` or on no tag at all.
    """
    images = [service["image"] for service in services().values()]
    images += [container["image"] for _, pod in pods() for container in pod["containers"]]
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    assert len(images) > 15
    for image in images:
        assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", image), image


@pytest.mark.parametrize("name", sorted({*ROLES, "postgres", "valkey", "migrate"}))
def test_every_service_is_checked_limited_and_restarted(name: str) -> None:
    """
    A service has a health check, limits and a restart policy, unless it runs once and ends.
    """
    service = services()[name]

    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert "no-new-privileges:true" in service["security_opt"]
    if name == "migrate":
        assert (service["restart"], service["healthcheck"]) == ("no", {"disable": True})
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    if name != "postgres":
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


@pytest.mark.parametrize("role", sorted(ROLES))
def test_roles_wait_for_servers_and_schema(role: str) -> None:
    """
    No role starts before both servers are well and the migration has succeeded.
    """
    assert services()[role]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "valkey": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_compose_gives_each_key_only_to_its_roles() -> None:
    """
    The vault key goes to actions and http, the signing key to http alone, to others none.
    """
    for name, service in services().items():
        expected = KEYS_OF.get(name, set())
        assert {key.removesuffix("_key") for key in service.get("secrets", [])} == expected
        assert keys_in(service.get("environment", {})) == expected
        assert "SOAR_VAULT_KEYS" not in service.get("environment", {})
        assert "env_file" not in service, "an env file would hand on more than was meant"


def test_k8s_gives_each_key_only_to_its_roles() -> None:
    """
    The same holds for the manifests: mounted secrets and named files agree with the roles.
    """
    seen = set()
    for name, pod in pods():
        seen.add(name)
        container = pod["containers"][0]
        mounted = {v["name"] for v in pod["volumes"] if "secret" in v}
        named = {entry["name"]: entry for entry in container.get("env", [])}
        assert mounted == keys_in(named) == KEYS_OF.get(name, set())
        assert {m["name"] for m in container["volumeMounts"]} == {*mounted, "tmp"}
        assert container["args"] == (
            ["soar", "migrate"] if name == "migrate" else ["soar", "worker", name]
        )
    assert seen == {*ROLES, "migrate"}


def test_k8s_pods_are_closed() -> None:
    """
    Every pod runs as an ordinary user on a read-only root, without capabilities or a token.
    """
    for name, pod in pods():
        container = pod["containers"][0]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == set(container["resources"])
        assert name == "migrate" or "livenessProbe" in container


def test_k8s_holds_no_secret() -> None:
    """
    Secrets are named, never written: no Secret object, no literal login, no URL with a password.
    """
    for path in (DEPLOY / "k8s").glob("*.yaml"):
        assert all(document["kind"] != "Secret" for document in documents(path))
    for _, pod in pods():
        for entry in pod["containers"][0].get("env", []):
            if "AUTH" in entry["name"] or "PASSWORD" in entry["name"]:
                assert "secretKeyRef" in entry["valueFrom"]


def test_no_file_has_a_default_password() -> None:
    """
    A password is asked for, with a sentence where it is missing; none is written or defaulted.
    """
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.name not in {".env"} and "secrets" not in path.parts:
            text = path.read_text()
            assert not re.search(r"://[^\s/:@]*:(?!PASSWORD@)[^\s/:@$]+@", text), path
            # ${X:-fallback} for a credential would be a default; ${X:?sentence} is a demand.
            text = text.replace("${SOAR_PUBLIC_URL:-}", "")  # an address of pages holds no login
            assert not re.search(r"\$\{\w*(PASSWORD|AUTH|URL|SECRET|TOKEN|KEY)\w*:?-(?!\./)", text)
    for name, service in services().items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|AUTH|_URL", key) and key not in ADDRESSES:
                assert value.startswith(f"${{{key}:?"), (name, key)


def test_the_example_has_every_setting_and_no_credential() -> None:
    """
    env.example lists what the product reads, no more and no less, and leaves credentials empty.
    """
    listed = example()

    product = {f"SOAR_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in listed if name.startswith("SOAR_")} == product | NOT_OF_THE_PRODUCT
    for name, value in listed.items():
        if re.search(r"PASSWORD|AUTH|_URL|TOKEN|KEY", name):
            assert value == "", f"{name} has a default"


def test_every_setting_of_the_example_has_a_comment() -> None:
    """
    No setting stands in env.example without a line that says what it is.
    """
    lines = (DEPLOY / "env.example").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"#?[A-Z_]+=", line):
            assert before.startswith("# ") or re.match(r"#?[A-Z_]+=", before), line


def test_compose_hands_on_what_the_example_offers() -> None:
    """
    A setting in deploy/.env reaches every role; compose asks for nothing that is not listed.
    """
    common = set(compose()["x-environment"])
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))

    assert common == {n for n in example() if n.startswith("SOAR_")} - NOT_FOR_ALL
    assert asked <= set(example())


def test_the_provider_is_for_http_alone() -> None:
    """
    The file that adds single sign-on gives its settings and the client's secret to no other role.
    """
    added = documents(DEPLOY / "compose.oidc.yaml")[0]
    http = added["services"]["http"]
    text = (DEPLOY / "compose.oidc.yaml").read_text()

    assert set(added["services"]) == {"http"}
    assert http["secrets"] == list(added["secrets"]) == ["oidc_secret"]
    assert {n for n in example() if n.startswith("SOAR_OIDC_")} == {
        *http["environment"],
        "SOAR_OIDC_CA_FILE",
    }
    for name, value in re.findall(r"\$\{(SOAR_OIDC_\w+):-([^}]*)\}", text):
        assert example()[name] == value


def test_compose_and_example_agree_on_defaults() -> None:
    """
    What compose falls back to is what env.example shows.
    """
    text = (DEPLOY / "compose.yaml").read_text()
    for name, value in re.findall(r"\$\{(\w+):-([^}]*)\}", text):
        assert example()[name] == value, name


def test_only_http_and_flower_have_a_port_and_only_on_loopback() -> None:
    """
    Servers are not published at all; http and Flower only to the machine they run on.
    """
    published = {
        name: service["ports"] for name, service in services().items() if "ports" in service
    }

    assert set(published) == {"http", "flower"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_the_broker_keeps_what_it_was_given() -> None:
    """
    Valkey logs to disk, evicts nothing, and its password stands in no command line.
    """
    script = services()["valkey"]["command"][-1]
    server = script[script.index("exec ") :].replace("\\\n", " ")
    options = shlex.split(server)

    assert options[options.index("--appendonly") + 1] == "yes"
    assert options[options.index("--maxmemory-policy") + 1] == "noeviction"
    assert "PASSWORD" not in server


def test_systemd_runs_every_role_closed() -> None:
    """
    One template runs every role, as a user of its own, without rights it does not need.
    """
    service = unit("soar@.service")

    assert service["ExecStart"] == ["/opt/soar/bin/soar worker %i"]
    assert service["Restart"] == ["always"]
    for right in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert service[right] == ["yes"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]


def test_systemd_gives_each_key_only_to_its_roles() -> None:
    """
    Keys come by drop-ins, loaded by systemd, to the same roles as everywhere else.
    """
    assert not {"LoadCredential", "SetCredential"} & set(unit("soar@.service"))
    dropins = sorted((DEPLOY / "systemd").glob("*.d/*.conf"))
    found = {}
    for path in dropins:
        settings = unit(str(path.relative_to(DEPLOY / "systemd")))
        role = path.parent.name.removeprefix("soar@").removesuffix(".service.d")
        files = {value.partition(".key:")[0] for value in settings["LoadCredential"]}
        assert keys_in({v.partition("=")[0]: v for v in settings["Environment"]}) == files
        found[role] = files
    assert found == KEYS_OF


def test_prometheus_scrapes_services_that_exist() -> None:
    """
    Each target of Prometheus is a service of compose.yaml, on the port it listens on, and one that
    has metrics: Flower behind its login, lanes behind a token. No credential stands in the file.
    """
    config = documents(DEPLOY / "prometheus" / "prometheus.yml")[0]
    jobs = {
        target: job
        for job in config["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }

    for target in jobs:
        name, _, port = target.partition(":")
        assert services()[name]["ports"][0].endswith(f":{port}")
    assert set(jobs) == {"flower:5555", "http:8080"}
    assert set(jobs["flower:5555"]["basic_auth"]) == {"username", "password_file"}
    assert set(jobs["http:8080"]["authorization"]) == {"type", "credentials_file"}
