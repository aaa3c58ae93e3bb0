"""The names that other libraries write → the fields of our records. Pure: JSON values in, records out."""
