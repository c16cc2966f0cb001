"""The data package: checked loading of raw tables and the analysis frames made from them."""
