"""From syntax tree to logical plan: names, types, key rules. Knows no back end."""
