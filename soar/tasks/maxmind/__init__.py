"""MaxMind GeoIP2: where an address is, from a database file on this disk."""
