"""NVIDIA GPUs: the CUDA driver, the management library, and what they report about a device."""
