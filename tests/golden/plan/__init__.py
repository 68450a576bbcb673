"""What statements are planned as."""
