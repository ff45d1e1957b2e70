"""Training itself: from a recipe to the files of a run directory."""
