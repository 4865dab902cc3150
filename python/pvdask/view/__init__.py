"""The page of ``pvdask view``: a scene in the browser, drawn on MPI ranks; served by trame."""
