"""The entries of the Filters menu, one a file: each a thin adapter over what `pvdask` or VTK does."""
