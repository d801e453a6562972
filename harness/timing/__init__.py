"""Time and energy of an inference: the measuring loop, its clocks, the energy counter."""
