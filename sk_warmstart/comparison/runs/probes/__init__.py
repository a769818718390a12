"""Further fits of the last phase: what differs when all but the draws, or the inherited weights, is the same."""
