"""When to measure, and getting it home. Imports collectors only."""

VERSION = "0.1.0"
