"""LEGION (Meng et al. 2025): language, task inference, and a mixture that grows with the tasks."""
