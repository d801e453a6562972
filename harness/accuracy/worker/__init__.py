"""The evaluating process: `python -m harness.accuracy.worker`."""
