"""Rows on the device, and batches cut from them."""
