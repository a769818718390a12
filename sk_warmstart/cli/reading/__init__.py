"""Tables in files as people write them: cells, numbers, dates, words, and the target."""
