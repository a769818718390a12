"""Many fits trained as one tensor program, and the joblib backend for it."""
