"""One method a module: a pure function beside its frozen result."""
