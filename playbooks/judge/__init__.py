"""Judging readiness: facts and a target profile in, results out. Pure Python, no controller."""
