"""What this machine is, and who else is using it."""
