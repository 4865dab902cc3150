"""Codes as categories in the GUI: a new colour map of a column of texts or categories gets their labels by itself."""

from paraview import servermanager, simple

from pvdask.scripts.coloring import MAXIMUM_ANNOTATIONS, color_by_labels, label_tables


class NewColorMaps:
    """Gives each colour map that is new, and is of a coded column, the labels of its codes; for as long as it is kept."""

    def __init__(self):
        self.seen = set()
        self.is_looking = False
        servermanager.vtkSMProxyManager.GetProxyManager().AddObserver("RegisterEvent", self.look)

    def look(self, *_):
        """Something was registered: see whether it is a colour map."""
        if self.is_looking:  # what is done here registers things as well
            return
        self.is_looking = True
        try:
            found = servermanager.ProxyManager().GetProxiesInGroup("lookup_tables")
            for key in found.keys() - self.seen:
                self.seen.add(key)
                self.label(key[0], found[key])
        finally:
            self.is_looking = False

    def label(self, name, lut):
        """Label a new colour map; one that comes from a state has its range, and stays as it is."""
        if lut.GetProperty("InterpretValuesAsCategories") is None or lut.ScalarRangeInitialized:
            return
        column = name.removesuffix(".PVLookupTable")
        for source in simple.GetSources().values():
            for coded, labels in label_tables(source).items():
                if servermanager.vtkSMCoreUtilities.SanitizeName(coded) == column:
                    color_by_labels(lut, labels[:MAXIMUM_ANNOTATIONS])
