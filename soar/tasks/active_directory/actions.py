"""
What Active Directory can do for an analyst: read an account, disable it, enable it.

In: the account's name. Out: what it is now, with the objectGUID that outlives a rename.
Never: a claim that was not read back from the directory.
"""

from __future__ import annotations

from soar.connector import (
    ActionContext,
    ActionFailed,
    AssetConfig,
    OutcomeUnknown,
    Output,
    Params,
    RetryLater,
    action,
)
from soar.tasks.active_directory.account import Account
from soar.tasks.active_directory.client import Directory, opened


def _output(account: Account, event: str) -> Output:
    summary = {
        "username": account.username,
        "dn": account.dn,
        "object_guid": account.object_guid,
        "disabled": account.disabled,
        "locked": account.locked,
        "mail": account.attributes.get("mail", ""),
        "display_name": account.attributes.get("displayName", ""),
    }
    return Output(
        message=f"{account.username} {event}",
        summary=summary,
        data=({**account.attributes, **summary, "userAccountControl": account.control},),
    )


def _word(disabled: bool) -> str:
    return "disabled" if disabled else "enabled"


def _in_effect(ctx: ActionContext, params: Params, *, disabled: bool) -> Output | None:
    with opened(ctx) as directory:
        account = directory.account(params.text("username"))
    return _output(account, _word(disabled)) if account.disabled is disabled else None


def _switch(ctx: ActionContext, params: Params, *, disabled: bool) -> Output:
    """Read, write only what differs, read again: AD has no compare-and-set to rely on."""
    with opened(ctx) as directory:
        account = directory.account(params.text("username"))
        if account.disabled is disabled:
            return _output(account, f"is already {_word(disabled)}")
        if disabled and _is_own(account, ctx.asset):
            raise ActionFailed(f"{account.username} is the asset's own service account")
        directory.write_control(account, account.control_for(disabled=disabled))
        after = _read_back(directory, account)
    if after.disabled is not disabled:
        raise ActionFailed(f"the directory took the change, yet {account.username} is unchanged")
    return _output(after, _word(disabled))


def _read_back(directory: Directory, account: Account) -> Account:
    try:
        return directory.account(account.dn)
    except RetryLater:
        raise OutcomeUnknown("the change was sent but could not be read back") from None


def _is_own(account: Account, asset: AssetConfig) -> bool:
    own = asset.text("username").lower()
    names = {account.dn, account.username, str(account.attributes.get("userPrincipalName", ""))}
    return own.rpartition("\\")[2] in {name.lower() for name in names}


def _is_disabled(ctx: ActionContext, params: Params) -> Output | None:
    return _in_effect(ctx, params, disabled=True)


def _is_enabled(ctx: ActionContext, params: Params) -> Output | None:
    return _in_effect(ctx, params, disabled=False)


@action(verify=_is_disabled)
def disable_user(ctx: ActionContext, params: Params) -> Output:
    """Disable an account; a disabled one is a success without a write."""
    return _switch(ctx, params, disabled=True)


@action(verify=_is_enabled)
def enable_user(ctx: ActionContext, params: Params) -> Output:
    """Enable an account; an enabled one is a success without a write."""
    return _switch(ctx, params, disabled=False)


@action()
def get_user_attributes(ctx: ActionContext, params: Params) -> Output:
    """Read an account: names, mail, groups, whether it is disabled or locked."""
    with opened(ctx) as directory:
        account = directory.account(params.text("username"))
    return _output(account, f"is {_word(account.disabled)}")


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Sign in with the service account and read the domain's name."""
    with opened(ctx) as directory:
        return Output(message=f"Active Directory answers: {directory.base_dn}")
