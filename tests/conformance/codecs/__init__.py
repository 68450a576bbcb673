"""JSON to bytes and back, one module a format, independent of the product's own formats."""
