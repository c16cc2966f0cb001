"""Running chapters and the whole study; with data, the only place that touches files."""
