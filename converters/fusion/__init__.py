"""Operators that exporters write out, put back where a runtime is faster with them: the graph `fused`."""
