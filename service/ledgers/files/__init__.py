"""From a file to the mapped cells of its people: what kind it is, where its header stands, which columns are read."""
