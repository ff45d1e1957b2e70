"""A recipe becomes a run directory: ``recipe``, ``run``, ``fit``, ``cluster``."""
