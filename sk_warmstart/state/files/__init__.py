"""Files of states: the container, what is in it, and folders of checkpoints."""
