"""A run directory: its files, their names, and how they are read again."""
