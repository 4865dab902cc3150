"""Live updates as ParaView's GUI does them, by a client of pvserver (run by pvpython): live_updates.py OPTIONS.json.

OPTIONS: ``host``, ``port``, ``scheduler_file``, ``dataset``, ``folder``. What is seen goes to ``folder/seen.json``.
"""

# Before anything that can raise, as in the scripts for pvbatch.
from paraview import simple  # isort: skip

import json
import sys
import time
from pathlib import Path

import dask.dataframe as dd
import pandas as pd
from distributed import Client
from paraview.modules.vtkRemotingClientServerStream import vtkClientServerStream
from paraview.modules.vtkRemotingCore import vtkProcessModule


def needs_update(source):
    """Ask as pqLiveSourceBehavior does: the algorithm, on the server's rank 0."""
    session = source.SMProxy.GetSession()
    found = f"stream_value(Invoke id_value(1) GetVTKObject uint32_value({source.SMProxy.GetGlobalID()}))"
    stream = vtkClientServerStream()
    stream.StreamFromString(f"Invoke {found} GetNeedsUpdate")
    session.ExecuteStream(vtkProcessModule.DATA_SERVER_ROOT, stream, True)
    return "bool(true)" in session.GetLastResult(vtkProcessModule.DATA_SERVER_ROOT).StreamToString()


def watch(source, seconds):
    """Ask every 0.2 s until there are news; the seconds that it took, or None."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if needs_update(source):
            return round(time.monotonic() - started, 3)
        time.sleep(0.2)
    return None


def look(source):
    """What is there, after an update."""
    source.SMProxy.MarkModified(source.SMProxy)
    source.UpdatePipeline()
    source.UpdatePropertyInformation()
    return {name: source.GetPropertyValue(name) for name in ("PulledRows", "Failed", "Status")}


def publish(client, name, n_rows):
    """Publish so many rows under the name, in the place of what is there."""
    frame = pd.DataFrame({axis: range(n_rows) for axis in "xyz"}, dtype="f8")
    client.publish_dataset(dd.from_pandas(frame, npartitions=3).persist(), name=name, override=True)


def main():
    """Publish, watch, publish again, take away, publish again."""
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    name, seen = options["dataset"], {}
    with Client(scheduler_file=options["scheduler_file"], set_as_default=True) as client:
        publish(client, name, 100)
        simple.Connect(options["host"], options["port"])
        source = simple.DaskDataFrameSource(SchedulerFile=options["scheduler_file"], Dataset=name)
        seen["first"] = look(source)
        publish(client, name, 110)
        seen["off"] = watch(source, 2.5)
        source.LiveUpdates = 1
        source.Refresh()
        seen["on"] = look(source)
        seen["quiet"] = watch(source, 3.5)
        publish(client, name, 120)
        seen["noticed"] = watch(source, 10)
        seen["second"] = look(source)
        client.unpublish_dataset(name)
        seen["gone"] = watch(source, 2.5)
        publish(client, name, 130)
        seen["noticed again"] = watch(source, 10)
        seen["third"] = look(source)
        client.unpublish_dataset(name)
    (Path(options["folder"]) / "seen.json").write_text(json.dumps(seen), encoding="utf-8")


main()
