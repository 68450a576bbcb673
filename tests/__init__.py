"""The tests, as a package, so that their parts can import each other."""
