"""Running chapters and the whole study; with data and share, the only place that touches files."""
