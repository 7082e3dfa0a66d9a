"""Ledgers out of the register: what may leave, who must agree, and the file."""
