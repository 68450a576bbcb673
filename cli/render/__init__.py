"""How answers look in a terminal: pure functions from wire values to lines of text."""
