"""Distinguishes a change of latency from noise, at a stated error rate."""
