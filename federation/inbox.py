"""Taking requests from peers: the checks in the protocol's order on raw bytes, then one transaction, one answer."""
