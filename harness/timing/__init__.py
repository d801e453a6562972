"""How long an inference takes: the loop, its clocks, the energy."""
