"""Tasks and their threads on the embedded log."""
