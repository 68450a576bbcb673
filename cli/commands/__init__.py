"""The commands of `merganser`, a module each: `configure` declares options, `execute` runs."""
