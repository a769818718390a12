"""Arms of a comparison: start policies and parameters, and the model in use."""
