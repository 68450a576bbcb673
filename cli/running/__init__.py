"""Running a file of persistent queries: `merganser run`."""
