"""From what the user passes to validated rows, columns, targets and identities."""
