from starlette.applications import Starlette
from starlette.routing import Route
from starlette.responses import JSONResponse
def create(house): return Starlette(routes=[Route("/healthz", lambda r: JSONResponse({}))])
