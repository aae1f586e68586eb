"""Networks onto cores: partition, placement, routes, and what they cost."""
