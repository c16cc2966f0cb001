"""How far the answers can be trusted: other choices, known truth, published numbers."""
