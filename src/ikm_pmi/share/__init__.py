"""What leaves the project: site, tables for other programs, explorer, replication package."""
