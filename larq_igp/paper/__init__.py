"""The paper's tables, one file each: what it prints, and how ours is computed."""
