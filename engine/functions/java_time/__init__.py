"""Java's patterns of dates and times, and its zones; locale en_US."""
