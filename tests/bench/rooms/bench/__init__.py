"""A vendor that costs nothing: what is measured is the house."""
