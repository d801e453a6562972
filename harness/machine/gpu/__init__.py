"""NVIDIA GPUs: the CUDA driver, the management library, and what they say of a device."""
