"""The start of a fit: donors, adaptation, growth and the state handed on."""
