"""Pull what cannot be pulled, with filters behind it that wait for all ranks (run by pvbatch on any number of ranks).

    pvbatch failing_ranks.py '{"report": "r.json", "steps": [{"name": "a", "properties": {"Dataset": "none"}}]}'

The report has, for each step, what the source said and how much came out of it and of each filter.
"""

# Before anything that can raise: a script that ends before this import leaves pvbatch's other ranks waiting.
from paraview import simple  # isort: skip

import json
import sys


def glyphs(source):
    """A glyph a point: deadlocks in ParaView where one rank alone has no input."""
    return simple.Glyph(Input=source, GlyphType="Box", GlyphMode="All Points")


def histogram(source):
    """Counts over all ranks."""
    return simple.Histogram(Input=source)


def redistribution(source):
    """Points moved between ranks."""
    return simple.RedistributeDataSet(Input=source)


FILTERS = {"Glyph": glyphs, "Histogram": histogram, "RedistributeDataSet": redistribution}


def size(proxy):
    """Points, rows for a table, and arrays of the points, on all ranks together."""
    print(f"updating {proxy.GetXMLName()}", flush=True)  # where a run hangs, this tells at what
    proxy.UpdatePipeline()
    information = proxy.GetDataInformation()
    return [information.GetNumberOfPoints(), information.GetNumberOfRows(), len(proxy.PointData.keys())]


def run(step):
    """Do one step."""
    print(f"step {step['name']}", flush=True)
    source = simple.DaskDataFrameSource()
    for name, value in step["properties"].items():
        setattr(source, name, value)
    if "columns" in step:
        source.UpdatePipelineInformation()
        source.ColumnArrays = step["columns"]
    told = {"name": step["name"], "source": size(source)}
    source.UpdatePropertyInformation()
    told["status"], told["failed"] = source.GetPropertyValue("Status"), source.GetPropertyValue("Failed")
    for name, make in FILTERS.items():
        behind = make(source)
        told[name] = size(behind)
        simple.Delete(behind)
    if step.get("shown"):
        view = simple.CreateRenderView(ViewSize=[40, 30])
        simple.Show(source, view)
        simple.Render(view)
        simple.Delete(view)
    simple.Delete(source)
    return told


def main():
    """Do all steps."""
    options = json.loads(sys.argv[1])
    report = [run(step) for step in options["steps"]]
    with open(options["report"], "w", encoding="utf-8") as file:
        json.dump(report, file)


main()
