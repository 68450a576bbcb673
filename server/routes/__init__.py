"""The endpoints, one group a file; each has a `router`."""
