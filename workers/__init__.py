"""The processes: a few lines each; pick a bootstrap, start."""
