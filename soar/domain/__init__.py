"""
What our words mean: values, statuses, verdicts and errors.

In: nothing but the standard library.
Out: frozen values and pure functions that every other room speaks in.
Never: I/O, clocks, randomness, or an import from another room.
"""
