"""What skorch calls."""
