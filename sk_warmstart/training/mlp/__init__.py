"""The default network trained without autograd."""
