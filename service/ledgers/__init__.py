"""Ledgers: the office's own workbooks, read in and handed back.

A ledger comes as a workbook or as text in any of the shapes that townships keep. It is read in a process of its own
(`reader_process`), which returns the cells of mapped columns only: every other column is dropped there and never
reaches the node (rule 1 of the domain: minimum data, by allow-list). `checking` then gives each person's row an
outcome, `actions` keeps the sealed rows for a day, registers the good ones in batches and can undo it, and `report`
hands back the rest.
"""
