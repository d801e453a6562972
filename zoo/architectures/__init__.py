"""This project's own definitions of the networks whose releases are source trees, not packages."""
