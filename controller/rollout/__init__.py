"""Rolling the agent out: its self-contained bundle, built and signed here."""
