"""What a comparison found: gains, stages and sentences."""
