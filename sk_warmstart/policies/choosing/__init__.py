"""Policies that choose among others: by a race, or by evidence."""
