"""Estimators of other libraries: copies, rounds, and fits that continue from the last one."""
