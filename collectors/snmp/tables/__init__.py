"""The standard MIBs: each ``read_x`` walks, each ``parse_x`` is pure."""
