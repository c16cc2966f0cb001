"""The public site: pages made from existing results, bound together by Sphinx."""
