"""The report as HTML, Markdown, JSON and notebook."""
