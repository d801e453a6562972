"""A request carried out: prepared, then rounds of trials until it is enough."""
