"""Names that arms of every comparison may have."""

REFERENCE = "cold"
INCUMBENT = "incumbent"  # the model in use, as it stands
FAILED = "failed"  # the verdict on an arm that raised
