"""Rules that make a start from one previous and one fresh state."""
