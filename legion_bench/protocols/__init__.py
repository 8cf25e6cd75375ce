"""Protocols: the schedule, the one training loop, and evaluation."""
