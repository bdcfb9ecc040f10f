"""What a state is: the model, its invariants, the journal, and the fold that joins them."""
