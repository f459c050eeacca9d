"""
The lab's own door, for demos and tests: what arrived, what is true, what shall go wrong.

``GET /lab/log[?vendor=]``, ``GET /lab/state``, ``POST /lab/faults`` (a fault as JSON),
``DELETE /lab/faults``. No vendor has a path below ``/lab``.
"""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Fault, Lab


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")


def answer(lab: Lab, request: Request) -> Response:
    """Answer one request to the lab itself."""
    match request.method, request.path:
        case "GET", "/lab/log":
            return _json(lab.log(request.args.get("vendor", "")))
        case "GET", "/lab/state":
            return _json(lab.state())
        case "POST", "/lab/faults":
            return _add_fault(lab, request)
        case "DELETE", "/lab/faults":
            with lab.lock:
                lab.faults.clear()
            return _json({})
        case _:
            return _json({"error": f"the lab has no {request.path}"}, 404)


def _add_fault(lab: Lab, request: Request) -> Response:
    try:
        fault = Fault(**request.get_json())
    except (TypeError, ValueError) as error:
        return _json({"error": str(error)}, 400)
    with lab.lock:
        lab.faults.append(fault)
    return _json({}, 201)
