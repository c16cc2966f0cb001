"""IKM workers: the announced figures, the elasticity, the chain from a restriction or an order."""
