"""Folds over records: what several of them say together. Pure: nothing here reads a store, a clock or a file."""
