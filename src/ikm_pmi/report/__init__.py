"""The only place that draws pictures and lays out tables."""
