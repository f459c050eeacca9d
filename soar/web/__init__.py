"""Pages for people: rendered here, usable without a script, and each behind one door."""
