"""Parts of the calibration: simulations that count how often a verdict is wrong, and how often right."""
