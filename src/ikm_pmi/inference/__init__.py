"""Inference that no library has, or that must be uniform across the study."""
