"""One module a suite; run.py finds them by name."""
