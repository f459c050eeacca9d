"""
``soar asset``: the configured connections to vendors.

In: assets in the form of their JSON files. Out: assets in the store, secrets sealed.
Never: a secret on the screen; it is three stars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from soar.catalog import AppSpec, Catalog
from soar.cli import entry
from soar.cli.screen import AsJson, cell, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import ActionFailed, BadInput, NotFound, SoarError
from soar.domain.model import Asset

if TYPE_CHECKING:
    from soar.bootstrap import House

app = typer.Typer(no_args_is_help=True)
STARS = "***"
Name = Annotated[str, typer.Argument(help="Name of the asset, as in virustotal_prod.")]
Waiting = Annotated[
    str, typer.Option(metavar="park|fail", help="What becomes of the calls that wait for it.")
]


@app.command("list")
def list_assets(as_json: AsJson = False) -> None:
    """List the assets with their apps, budgets and states."""
    with entry.working() as (house, work):
        documents = [_document(asset, house.catalog) for asset in work.assets.all()]
    rows = [(d["asset_name"], d["app"], d["budget"], d["state"], _why(d)) for d in documents]
    columns = ("asset", "app", "budget", "state", "")
    empty = "No assets: add some with `soar asset add`."
    show(as_json, documents, table(columns, rows, empty=empty))


@app.command("show")
def show_asset(name: Name, as_json: AsJson = False) -> None:
    """Show one asset's settings; secrets are stars."""
    with entry.working() as (house, work):
        document = _document(work.assets.get(name), house.catalog)
    show(as_json, document, lambda console: _draw(console, document))


@app.command(
    "add",
    epilog="Examples:\n\nsoar asset add assets.json\n\n"
    "cat virustotal.json | soar asset add - --json",
)
def add_assets(
    file: Annotated[str, typer.Argument(help="JSON file with one asset or a list; - is stdin.")],
    as_json: AsJson = False,
) -> None:
    """Add the assets of a file, or replace those of the same name: all of them or none."""
    from soar import inventory

    objects = entry.read_objects(file)
    names = []
    with entry.working() as (house, work):
        vault = house.vault()
        for place, raw in objects:
            try:
                names.append(inventory.save(work, raw, catalog=house.catalog, vault=vault))
            except BadInput as error:
                raise entry.at(place, error) from None
    say(as_json, {"saved": names}, f"Saved: {', '.join(names)}")


@app.command(
    "set",
    epilog="Examples:\n\nsoar asset set virustotal_prod max_requests_per_minute=240 api_key=-",
)
def set_values(
    name: Name,
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="Settings to change; KEY=- asks for the value, or takes a line of stdin;"
            " KEY=null takes a limit away.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Change settings of an asset; what is not named stays as it is."""
    from soar import inventory

    with entry.working() as (house, work):
        kinds = _kinds(house.catalog.app(work.assets.get(name).app))
        changes = dict(_pair(text, kinds) for text in values)
        inventory.change(work, name, changes, catalog=house.catalog, vault=house.vault())
    names = sorted(changes)
    say(as_json, {"asset": name, "changed": names}, f"{name}: {', '.join(names)} changed")


@app.command("test")
def try_asset(name: Name, as_json: AsJson = False) -> None:
    """Ask the vendor one thing, within the budget, to see that it is reached and lets us in."""
    with entry.opened() as house:
        with house.database.begin() as work:
            asset = work.assets.get(name)
        message = _probe(house, asset)
    document = {"asset": name, "ok": True, "message": message, "closed": asset.closed}
    say(as_json, document, f"{message}{_but(asset)}")


@app.command(
    "disable",
    epilog="Examples:\n\nsoar asset disable virustotal_prod\n\n"
    "soar asset disable virustotal_prod --waiting fail",
)
def disable_asset(name: Name, waiting: Waiting = "", as_json: AsJson = False) -> None:
    """Close an asset's lane: nobody calls its vendor until it is enabled."""
    from soar import inventory

    with entry.working() as (_, work):
        failed = inventory.close(work, name, waiting=waiting)
        parks = work.assets.get(name).parks_when_closed
        document = {"asset": name, "when_closed": "park" if parks else "fail", "failed": failed}
        work.audit(COMMAND_LINE, "asset disabled", document)
    ends = "calls wait for it" if parks else f"its calls fail, and {failed} that waited have failed"
    say(as_json, document, f"{name} is disabled; {ends}")


@app.command("enable")
def enable_asset(name: Name, as_json: AsJson = False) -> None:
    """Open an asset's lane again, also one that refused credentials have closed."""
    from soar import inventory

    with entry.working() as (_, work):
        broken = inventory.enable(work, name)
        document = {"asset": name, "was_broken": broken}
        work.audit(COMMAND_LINE, "asset enabled", document)
    but = f"; credentials were refused before: {broken}" if broken else ""
    say(as_json, document, f"{name} is enabled{but}")


@app.command(
    "delete",
    epilog="Examples:\n\nsoar asset delete virustotal_old\n\n"
    "soar asset delete virustotal_old --waiting fail",
)
def delete_asset(name: Name, waiting: Waiting = "", as_json: AsJson = False) -> None:
    """Remove an asset and its sealed secrets; refused while calls wait, unless told what to do."""
    from soar import inventory

    with entry.working() as (_, work):
        count = inventory.delete(work, name, waiting=waiting)
        document = {"deleted": name, "waiting": waiting, "calls": count}
        work.audit(COMMAND_LINE, "asset deleted", document)
    kept = "wait for an asset of that name" if waiting == "park" else "have failed"
    say(as_json, document, f"{name} is deleted{f'; {count} calls {kept}' if count else ''}")


def _but(asset: Asset) -> str:
    """Say what keeps a lane closed although the test went well."""
    if asset.broken:
        return f"; the lane is closed until the asset is edited: {asset.broken}"
    return "; the asset is disabled" if asset.disabled else ""


def _probe(house: House, asset: Asset) -> str:
    from soar.tasks.probe import connectivity

    spec = house.catalog.app(asset.app).action("test connectivity")
    if spec is None:
        raise NotFound(f"the app of {asset.slug} has no connectivity test")
    try:
        return connectivity(asset, spec, house.vault(), entry.limiter(house)).message
    except SoarError:
        raise
    except Exception as error:
        # A connector's bug is its author's, and its text may quote what it sent.
        raise ActionFailed(
            f"{asset.slug}: an error in the connector ({type(error).__name__})"
        ) from None


def _kinds(spec: AppSpec) -> dict[str, str]:
    """Return the kind of each setting; a secret is text, whatever it looks like."""
    return {field.name: "string" if field.secret else field.type for field in spec.settings}


def _pair(text: str, kinds: Mapping[str, str]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        # The text is not repeated: it may be a secret whose name was forgotten.
        raise BadInput("values", "each must be KEY=VALUE (KEY=- asks for the value)")
    if value == "-":
        value = entry.read_secret(name)
    return name, entry.typed(value, kinds.get(name, ""))


def _document(asset: Asset, catalog: Catalog) -> dict[str, Any]:
    """Return an asset as people may see it."""
    spec = catalog.app(asset.app)
    missing = [f.name for f in spec.settings if f.required and not asset.configuration.get(f.name)]
    return {
        "asset_name": asset.slug,
        "app": spec.name,
        "configuration": _shown(asset.configuration, spec.secrets),
        "budget": str(asset.budget),
        "state": _state(asset, missing),
        "broken": asset.broken,
        "tenants": list(asset.tenants),
        "missing": missing,
    }


def _shown(configuration: Mapping[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
    from soar import vault

    shown = vault.shown(configuration)
    return {name: STARS if name in secrets else value for name, value in shown.items()}


def _state(asset: Asset, missing: list[str]) -> str:
    if asset.disabled:
        return "disabled"
    if asset.broken:
        return "broken"
    return "incomplete" if missing else "ok"


def _why(document: Mapping[str, Any]) -> str:
    if document["broken"]:
        return str(document["broken"])
    return f"missing: {', '.join(document['missing'])}" if document["missing"] else ""


def _draw(console: Console, document: Mapping[str, Any]) -> None:
    console.print(f"{document['asset_name']} ({document['app']})", style="bold")
    console.print(cell(document["state"]), plain(_why(document)))
    rows = document["configuration"].items()
    table(("setting", "value"), rows, empty="No settings.")(console)
