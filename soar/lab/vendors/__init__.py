"""One module per simulated vendor; each offers ``build(world) -> Simulator``."""
