"""Private names of other libraries, a file for each library, so that a new version of one is met in one place."""
