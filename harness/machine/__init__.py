"""Facts of this machine, and its use by other processes."""
