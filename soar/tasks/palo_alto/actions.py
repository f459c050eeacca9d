"""
Palo Alto Networks' room: the actions, each with a look at whether it already took effect.

In: parameters and an opened asset. Out: what is blocked now, and on which device.
Never: memory between two calls that the device could not answer for.
"""

from __future__ import annotations

from datetime import timedelta

from soar.connector import ActionContext, ActionFailed, Output, Params, RetryLater, action
from soar.tasks.palo_alto import targets
from soar.tasks.palo_alto.client import Firewall, firewall

LONGEST_BLOCK = 30 * 24 * 60
"""Minutes; a tag lives 30 days at most (pan-os-python, ``UserId.register``)."""

POLL = timedelta(seconds=1)


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Read the device's name and version with the asset's key."""
    name, version = firewall(ctx).system()
    summary = {"device": name, "version": version}
    return Output(message=f"Connected to {name} (PAN-OS {version})", summary=summary)


def ip_is_blocked(ctx: ActionContext, params: Params) -> Output | None:
    """Look whether the address carries the tag now."""
    ip, tag = str(targets.address(params.text("ip"))), _tag(ctx)
    if tag not in firewall(ctx).tags_of(ip):
        return None
    return _address_output(ctx, "Blocked", ip, changed=True, lasts=_lasts(ctx, params))


def ip_is_unblocked(ctx: ActionContext, params: Params) -> Output | None:
    """Look whether the address is without the tag now."""
    ip, tag = str(targets.address(params.text("ip"))), _tag(ctx)
    if tag in firewall(ctx).tags_of(ip):
        return None
    return _address_output(ctx, "Unblocked", ip, changed=True)


@action(verify=ip_is_blocked)
def block_ip(ctx: ActionContext, params: Params) -> Output:
    """Tag an address for a while; a second call finds the tag and changes nothing."""
    ip = targets.blockable_address(ctx.asset, params.text("ip"))
    lasts = _lasts(ctx, params)
    _device(ctx)  # read before the write: afterwards nothing may fail any more
    new = firewall(ctx).register(ip, _tag(ctx), int(lasts.total_seconds()) if lasts else 0)
    done = "Blocked" if new else "Already blocked"
    return _address_output(ctx, done, ip, changed=new, lasts=lasts if new else None)


@action(verify=ip_is_unblocked)
def unblock_ip(ctx: ActionContext, params: Params) -> Output:
    """Take the tag from an address; one that was not blocked is a success that says so."""
    ip = str(targets.address(params.text("ip")))
    device = _device(ctx)
    if firewall(ctx).unregister(ip, _tag(ctx)):
        return _address_output(ctx, "Unblocked", ip, changed=True)
    summary = {"ip": ip, "tag": _tag(ctx), "device": device, "changed": False}
    return Output(message=f"{ip} was not blocked on {device}", summary=summary, data=(summary,))


def url_is_blocked(ctx: ActionContext, params: Params) -> Output | None:
    """Look whether the running configuration lists the URL, or a commit is under way."""
    return _committed(ctx, params, present=True)


def url_is_unblocked(ctx: ActionContext, params: Params) -> Output | None:
    """Look whether the running configuration is without the URL, or a commit is under way."""
    return _committed(ctx, params, present=False)


@action(verify=url_is_blocked)
def block_url(ctx: ActionContext, params: Params) -> Output:
    """Add a URL to the category and commit; the commit is looked at by :func:`url_is_blocked`."""
    entry = targets.blockable_url(ctx.asset, params.text("url"))
    device, wall, category = _device(ctx), firewall(ctx), _category(ctx)
    if _everywhere(wall, category, entry, present=True):
        return _url_output(f"Already blocked on {device}", ctx, entry, changed=False)
    wall.add_url(category, entry)
    return _commit(ctx, params, wall, present=True)


@action(verify=url_is_unblocked)
def unblock_url(ctx: ActionContext, params: Params) -> Output:
    """Remove a URL from the category and commit; one that was not blocked is a success."""
    entry = targets.url_entry(params.text("url"))
    device, wall, category = _device(ctx), firewall(ctx), _category(ctx)
    if _everywhere(wall, category, entry, present=False):
        return _url_output(f"{entry} was not blocked on {device}", ctx, entry, changed=False)
    wall.remove_url(category, entry)
    return _commit(ctx, params, wall, present=False)


def _everywhere(wall: Firewall, category: str, entry: str, *, present: bool) -> bool:
    """Tell whether both the running and the edited category agree with what is wanted."""
    return all((entry in wall.urls(category, running=now)) == present for now in (True, False))


def _commit(ctx: ActionContext, params: Params, wall: Firewall, *, present: bool) -> Output:
    """Commit this asset's changes and come back later; nothing to commit means it is in effect."""
    admin = ctx.asset.text("admin", "soar")
    job = wall.commit(admin, _marker(ctx))
    if job is not None:
        raise RetryLater(f"commit job {job} is running", after=POLL)
    output = _committed(ctx, params, present=present)
    if output is None:
        raise ActionFailed(
            f"the firewall found no changes of administrator {admin!r} to commit: set the asset's "
            "admin to the owner of its API key"
        )
    return output


def _committed(ctx: ActionContext, params: Params, *, present: bool) -> Output | None:
    entry, wall = targets.url_entry(params.text("url")), firewall(ctx)
    # Jobs first: a commit that ends between the two reads then shows in the second one.
    jobs = wall.commit_jobs()
    if (entry in wall.urls(_category(ctx), running=True)) == present:
        done = "Blocked" if present else "Unblocked"
        return _url_output(f"{done} on {_device(ctx)}", ctx, entry, changed=True)
    for job in jobs:
        if not job.finished:
            raise RetryLater(f"commit job {job.id} is running", after=POLL)
    mine = next((job for job in jobs if job.description == _marker(ctx)), None)
    if mine and not mine.ok:
        raise ActionFailed(f"commit job {mine.id} failed: {mine.details or 'no details'}")
    return None


def _lasts(ctx: ActionContext, params: Params) -> timedelta | None:
    return timedelta(minutes=_minutes(ctx, params)) or None


def _address_output(
    ctx: ActionContext, done: str, ip: str, *, changed: bool, lasts: timedelta | None = None
) -> Output:
    device = _device(ctx)
    summary = {"ip": ip, "tag": _tag(ctx), "device": device, "changed": changed}
    message = f"{done} on {device}"
    return Output(message=message, summary=summary, data=(summary,), lasts=lasts)


def _url_output(message: str, ctx: ActionContext, entry: str, *, changed: bool) -> Output:
    summary = {"url": entry, "category": _category(ctx), "device": _device(ctx), "changed": changed}
    return Output(message=message, summary=summary, data=(summary,))


def _minutes(ctx: ActionContext, params: Params) -> int:
    minutes = params.number("minutes", ctx.asset.number("block_minutes", 60))
    if not 0 <= minutes <= LONGEST_BLOCK:
        raise ActionFailed(f"minutes must be between 0 and {LONGEST_BLOCK}, not {minutes}")
    return minutes


def _tag(ctx: ActionContext) -> str:
    return ctx.asset.text("tag", "soar-block")


def _category(ctx: ActionContext) -> str:
    return ctx.asset.text("url_category", "soar-blocked-urls")


def _marker(ctx: ActionContext) -> str:
    """The commit's description: by it a later look finds this call's own job."""
    return ctx.key[:255]


def _device(ctx: ActionContext) -> str:
    """The device's display name, read once per process unless the asset sets it."""
    name = ctx.asset.text("name") or str(ctx.state.get("device", ""))
    if not name:
        name, _ = firewall(ctx).system()
        ctx.state["device"] = name
    return name
