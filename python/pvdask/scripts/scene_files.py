"""What a scene saves and loads: states (.pvsm), cameras (.pvcc), colour maps (.json), all as ParaView's GUI has them."""

import json
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from paraview import servermanager, simple

from pvdask.errors import SceneError
from pvdask.scripts.coloring import shown


def saved(kind, write):
    """Bytes of a file that `write` writes, given its path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scene.{kind}"
        write(path)
        return path.read_bytes()


def state_of(scene, others):
    """The state of one scene, without what the other scenes of this process have.

    Parameters
    ----------
    scene : Scene
        Whose state.
    others : sequence of Scene
        All others.
    """
    if scene.display is None:
        raise SceneError("There is nothing to save yet; choose a dataset first.")
    text = saved("pvsm", lambda path: simple.SaveState(str(path)))
    root = ElementTree.fromstring(text)
    drop_others(root, roots_of(scene), {each for other in others for each in roots_of(other)})
    return b'<?xml version="1.0"?>\n' + ElementTree.tostring(root)


def roots_of(scene):
    """Ids of the proxies that all others of a scene hang on."""
    proxies = [scene.view, scene.rows.source, scene.display, *scene.further]
    return {proxy.SMProxy.GetGlobalIDAsString() for proxy in proxies if proxy is not None}


def drop_others(root, own, others):
    """Remove from a state what is reached from other scenes alone."""
    proxies = {proxy.get("id"): proxy for proxy in root.iter("Proxy") if proxy.get("group")}
    gone = reached(proxies, others) - reached(proxies, own)
    for parent in list(root.iter()):
        for child in list(parent):
            named = child.get("id") if child.tag in ("Proxy", "Item") else None
            named = named or (child.get("value") if child.tag == "Proxy" else None)
            if named in gone:
                parent.remove(child)
                if parent.get("number_of_elements"):
                    parent.set("number_of_elements", str(len(parent.findall("Proxy"))))


def reached(proxies, start):
    """`start`, and all that it refers to."""
    found, waiting = set(), list(start)
    while waiting:
        name = waiting.pop()
        if name not in found and name in proxies:
            found.add(name)
            waiting += [each.get("value") for each in proxies[name].iter("Proxy") if each.get("value")]
    return found


def load_state(scene, content):
    """Show what a state file shows; SceneError, and everything as before, where it is something else."""
    check_state(content)
    before = {proxy.SMProxy for proxy in everything()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loaded.pvsm"
        path.write_bytes(content)
        servermanager.LoadState(str(path))
    new = [proxy for proxy in everything() if proxy.SMProxy not in before]
    try:
        view, display, source = find_scene(new)
        changed = scene.rows.take_loaded(source)
    except BaseException:
        for proxy in new:
            simple.Delete(proxy)
        raise
    own = (view.SMProxy, display.SMProxy, source.SMProxy)
    scene.take(view, display, changed, [proxy for proxy in new if proxy.SMProxy not in own])
    return scene.describe()


def check_state(content):
    """See that bytes are a state of ParaView."""
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError) as error:
        raise SceneError(f"The file is not XML ({error}); expected a state (.pvsm) that ParaView saved.") from None
    if root.find("ServerManagerState") is None and root.tag != "ServerManagerState":
        raise SceneError(
            f"The file is XML with the root element {root.tag!r}; expected a state (.pvsm) that ParaView saved."
        )
    kinds = {proxy.get("type") for proxy in root.iter("Proxy")}
    if not any(str(kind).startswith("Dask") for kind in kinds):
        raise SceneError("The state holds no Dask DataFrame Source; load one in which such a source is shown.")


def everything():
    """Sources, filters and views there are."""
    return [*simple.GetSources().values(), *simple.GetViews()]


def find_scene(new):
    """View, representation and Dask source out of what a state brought."""
    sources = [proxy for proxy in new if proxy.GetProperty("RankReports") is not None]
    views = [proxy for proxy in new if proxy.IsA("vtkSMRenderViewProxy")]
    for view in views:
        for display in shown(view):
            for source in sources:
                if stands_behind(source, display):
                    return view, display, source
    raise SceneError("The state shows no Dask DataFrame Source in a render view; save one in which it is shown in 3D.")


def stands_behind(source, proxy):
    """Whether a source is the input of a proxy, or of one before it."""
    seen = 0
    while proxy is not None and seen < 50:
        if proxy.SMProxy is source.SMProxy:
            return True
        proxy, seen = (proxy.Input if proxy.GetProperty("Input") is not None else None), seen + 1
    return False


def camera_of(scene):
    """The camera, as the Adjust Camera dialog saves it."""

    def write(path):
        writer = servermanager.vtkSMCameraConfigurationWriter()
        writer.SetRenderViewProxy(scene.view.SMProxy)
        writer.WriteConfiguration(str(path))

    return saved("pvcc", write)


def load_camera(scene, content):
    """Look from where a file of the Adjust Camera dialog says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "camera.pvcc"
        path.write_bytes(content)
        reader = servermanager.vtkSMCameraConfigurationReader()
        reader.SetRenderViewProxy(scene.view.SMProxy)
        if b"PVCameraConfiguration" not in content or not reader.ReadConfiguration(str(path)):
            raise SceneError("The file is no camera; expected one (.pvcc) that ParaView's Adjust Camera dialog saved.")
    return scene.describe()


def color_map_of(scene):
    """The colour map, as the Choose Preset dialog exports it."""
    lut = scene.display.LookupTable if scene.color else None
    if not lut:
        raise SceneError("Nothing is coloured; choose a column to colour by first.")
    preset = {"Name": scene.color, "ColorSpace": str(lut.ColorSpace), "NanColor": list(lut.NanColor)}
    if lut.InterpretValuesAsCategories:
        preset |= {"Annotations": list(lut.Annotations), "IndexedColors": list(lut.IndexedColors)}
    else:
        preset |= {"RGBPoints": list(lut.RGBPoints)}
    return (json.dumps([preset], indent=2) + "\n").encode()


def load_color_map(scene, content):
    """Use the first colour map of a file that the Choose Preset dialog exported."""
    try:
        preset = json.loads(content)[0]
        numbers = [float(number) for number in preset["RGBPoints"]]
        name = str(preset["Name"])
    except (ValueError, TypeError, KeyError, IndexError):
        numbers, name = [], ""
    if len(numbers) < 8 or len(numbers) % 4:
        raise SceneError(
            "The file is no colour map of numbers; expected colour presets (.json) that ParaView exported."
        )
    lut = scene.display.LookupTable if scene.color else None
    if not lut or lut.InterpretValuesAsCategories:
        raise SceneError("Choose a column of numbers to colour by first; a colour map is for those.")
    lut.RGBPoints = numbers
    if preset.get("ColorSpace") in ("RGB", "HSV", "Lab", "Diverging", "CIELAB"):
        lut.ColorSpace = preset["ColorSpace"].replace("CIELAB", "Lab")
    lut.ScalarRangeInitialized = 1
    return {**scene.describe(), "loaded": name}
