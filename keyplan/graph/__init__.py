"""From configuration to desired resources and the edges between them."""
