"""Parameters: scikit-learn's contract, checks and messages."""
