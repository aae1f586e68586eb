"""How a network learns: from the difference between free and target-clamped activity, locally."""
