"""Golden files: text in, text out, compared as a whole."""
