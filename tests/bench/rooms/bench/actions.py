"""
The bench's actions: nothing at all, and one slow question.

In: the number of a call. Out: the number. Never: work of its own.
"""

from __future__ import annotations

from soar.connector import ActionContext, Output, Params, action


@action()
def no_op(ctx: ActionContext, params: Params) -> Output:
    """Do nothing."""
    return Output(message="done", summary={"number": params["number"]})


@action()
def slow_lookup(ctx: ActionContext, params: Params) -> Output:
    """Ask the stub, on the session that this process keeps for the asset."""
    reply = ctx.http.call("GET", f"{ctx.asset.text('base_url')}/{params['number']}")
    return Output(message="found", summary={"length": len(reply.content)})
