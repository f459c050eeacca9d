"""REST: plain Starlette routes for a tolerant ``/rest``."""
