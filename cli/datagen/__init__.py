"""Made-up records for trying things out: `merganser datagen`."""
