"""How networks are simulated: lowered to flat arrays, then run event by event."""
