"""Names of arms and of settings."""

REFERENCE = "cold"
INCUMBENT = "incumbent"  # the model in use, as it stands
FAILED = "failed"  # the verdict on an arm that raised
KIND_OF_ROWS = "kind of rows"  # a setting, where they are no table
