"""Judgement as pure functions: figures in, verdicts out. No store, no clock, no settings."""
