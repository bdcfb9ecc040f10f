"""Rules that need no policy pack: pure functions over a graph or a plan."""
