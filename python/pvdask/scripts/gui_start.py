"""Run by ParaView's GUI as it starts (`pvdask gui`); in another GUI, by Tools > Python Shell > Run Script.

ParaView runs it as text, so that there is no ``__file__`` to look beside: PYTHONPATH has to name the folder of `pvdask`.
"""

from pvdask.scripts.categories import NewColorMaps

new_color_maps = NewColorMaps()
