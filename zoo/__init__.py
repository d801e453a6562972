"""What there is: the released models as cards, and their networks as native models."""
