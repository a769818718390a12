"""Run the arms of a comparison over the phases of each replicate."""
