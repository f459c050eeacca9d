"""
What playbooks ask of the system: addresses, templates, who and what runs, and its limits.

In: values and names. Out: answers, and commands on the desk. Never: a guess about another run.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jinja2.sandbox import ImmutableSandboxedEnvironment

from soar.domain import commands
from soar.domain.changes import Discontinue
from soar.domain.errors import BadInput
from soar.phantom.automation import completed
from soar.phantom.checks import is_ip, is_net
from soar.phantom.desk import desk
from soar.phantom.spending import LIMIT_KEY

REST = "https://127.0.0.1/rest/"
_TEMPLATES = ImmutableSandboxedEnvironment(autoescape=False)


class Named(dict[str, Any]):
    """Something with a name: a mapping to read, and where a name is wanted, its name."""

    def __str__(self) -> str:
        return str(self["name"])


def valid_ip(address: Any) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    return is_ip(address)


def valid_net(net: Any) -> bool:
    """Tell whether a text is a network, such as 10.0.0.0/8."""
    return is_net(net)


def address_in_network(ip: Any, net: Any) -> bool:
    """Tell whether an address is in a network; what is neither is in none."""
    if not (is_ip(ip) and is_net(net)):
        return False
    address, network = ipaddress.ip_address(ip.strip()), ipaddress.ip_network(net.strip(), False)
    return address.version == network.version and address in network


def get_base_url() -> str:
    """Return where people reach this system."""
    return desk().view.reader.records.base_url


def build_phantom_rest_url(*parts: Any) -> str:
    """
    Return the address of this system's own REST for ``phantom.requests``, each part quoted.

    A part that begins with a slash is a path; slashes around a part are left out.
    """
    return f"{REST}{'/'.join(map(_quoted, parts))}"


def _quoted(part: Any) -> str:
    text = str(part)
    return quote(text.strip("/"), safe="/" if text.startswith("/") else "")


def get_rest_base_url() -> str:
    """Return the address below which this system's own REST lies (1.x)."""
    return REST


def get_phantom_home() -> str:
    """Return the folder of this installation's own files."""
    return desk().view.reader.records.home


def get_effective_user() -> int:
    """Return the id of the user as whom this run acts; 0 where that is no person."""
    return desk().view.reader.records.effective_user()


def get_playbook_info(trace: bool = False) -> list[dict[str, Any]]:
    """Return a list of one: id, name, repo_name, run_id, parent_playbook_run_id, scope."""
    return [desk().view.reader.records.playbook_info()]


def get_assets(action: Any = None, tags: Any = None, types: Any = None) -> list[dict[str, Any]]:
    """Return the enabled assets that offer an action, or all; each can stand for its name."""
    return [Named(asset) for asset in desk().view.reader.records.assets(_action(action))]


def get_apps(action: Any = None, asset: Any = None, app_type: Any = None) -> list[dict[str, Any]]:
    """Return the apps that offer an action, or all; each can stand for its name."""
    found = desk().view.reader.records.apps(_action(action))
    if asset:
        names = {a["app"] for a in get_assets() if a["name"] == str(asset)}
        found = [app for app in found if app["id"] in names]
    return [Named(app) for app in found]


def _action(action: Any) -> str:
    return " ".join(str(action or "").lower().split())


def render_template(template: Any, context: Mapping[str, Any] | None = None) -> str:
    """Return a Jinja template filled with values, in a sandbox: it reads what it is given."""
    return _TEMPLATES.from_string(str(template)).render(dict(context or {}))


def set_action_limit(limit: Any) -> None:
    """Let this run ask for at most so many actions; what it asks beyond fails and says so."""
    if isinstance(limit, bool) or not str(limit).isdigit():
        raise BadInput("limit", f"{str(limit)[:40]!r} must be a whole number")
    desk().run_data[LIMIT_KEY] = str(int(limit))
    desk().ask(commands.SaveRunData(key=LIMIT_KEY, value=str(int(limit))))


def discontinue(trace: bool = False) -> None:
    """
    Let no run of this container begin that was queued after this one; this run goes on.

    Runs that have begun, and playbooks that a run has called, go on too.
    """
    desk().ask(Discontinue(container_id=int(desk().view.container["id"])))


def actions_done(action_names: Any = None, trace: bool = False) -> bool:
    """Tell whether this run has been told of the completion of all these actions (1.x)."""
    return completed(action_names=action_names)
