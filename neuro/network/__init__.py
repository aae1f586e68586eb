"""What is simulated: populations of neurons and the projections between them."""
