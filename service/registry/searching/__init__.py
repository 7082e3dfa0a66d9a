"""Finding people: keyed tokens, the search box, matching what a peer asks, how much an officer may look up a day."""
