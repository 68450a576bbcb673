"""One operator a file: what an epoch does for one plan node."""
