"""Verification requests (核实请求): asking a peer, and answering one."""
