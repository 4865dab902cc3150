"""What the rest of ParaView's GUI makes of the source, on a pvserver of 2 ranks: spreadsheet, charts, histogram, Find Data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from gui.fixtures import ID_START, N_STARS, STARS, display, gui_on_server, published, stars, start_anew
from gui.session import Gui
from images import n_coloured, read

from pvdask.launch import ClusterHandle, ParaViewInstall

pytestmark = pytest.mark.clientserver

ROW = 1234
"""A row of the stars that is found again."""
WANTED = ID_START + 2 * ROW


@pytest.fixture(scope="module")
def on_cluster(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    with published(cluster):
        yield cluster


@pytest.fixture(scope="module")
def session(on_cluster: ClusterHandle, install: ParaViewInstall) -> Iterator[Gui]:
    environment = {"PVDASK_SCHEDULER_FILE": str(on_cluster.scheduler_file)}
    with gui_on_server(install, server_env=environment) as (gui, _, _):
        yield gui


@pytest.fixture
def gui(session: Gui, tmp_path: Path) -> Iterator[Gui]:
    """The GUI with nothing in it; what it shows at the test's end is kept."""
    session.key("Escape")
    start_anew(session)
    yield session
    session.screenshot(tmp_path / "end.png")


def choose_stars(gui: Gui, *, row_ids: bool = False, table: bool = False) -> None:
    """The server names the scheduler, so that the drop-downs are full at once."""
    gui.menu("Sources", "Dask", "Dask DataFrame Source")
    gui.wait("panel('Dataset') is not None")
    gui.choose("Dataset", STARS)
    advanced = "dock('propertiesDock').findChild(QWidget, 'AdvancedButton')"
    gui.click(advanced)
    if row_ids:
        gui.tick("GenerateRowIds")
    if table:
        gui.choose("OutputType", "Table")
    gui.click(advanced)
    gui.apply()


def drawn(gui: Gui, folder: Path) -> int:
    """Pixels of the active view, a chart's, that are not its white background."""
    path = folder / "view.png"
    gui.ask(f"view_pixels({str(path)!r})")
    return n_coloured(read(path), (255, 255, 255))


SPREADSHEET = "next(w for w in main.findChildren(QWidget) if w.inherits('pqSpreadSheetViewWidget') and w.isVisible())"


def cells(gui: Gui, table: str, n_rows: int | None = None) -> list[dict[str, str]]:
    """What a spreadsheet shows, column by column; its first rows, or all, once they have come."""
    rows = "model.rowCount()" if n_rows is None else n_rows
    found: list[dict[str, str]] = gui.wait(
        f"model = {table}.model()\n"
        "names = [str(model.headerData(c, Qt.Horizontal)) for c in range(model.columnCount())]\n"
        "texts = lambda r: [str(model.index(r, c).data()) for c in range(len(names))]\n"
        f"result = [dict(zip(names, texts(r))) for r in range({rows})]\n"
        "waits = len(names) < 3 or any(text in ('None', '...') for row in result for text in row.values())\n"
        "result = None if waits else result"
    )
    return found


def test_a_table_opens_in_the_spreadsheet_with_exact_ids_and_texts(gui: Gui) -> None:
    choose_stars(gui, table=True)
    rows = cells(gui, SPREADSHEET, 4)
    frame = stars()
    assert [row["source_id"] for row in rows] == [str(number) for number in frame["source_id"][:4]]
    assert gui.ask("simple.GetActiveView().GetXMLName()") == "SpreadSheetView"
    assert [float(row["plx"]) for row in rows] == pytest.approx(frame["plx"][:4].to_list(), abs=1e-5)
    assert gui.ask("messages()") == []


def test_points_in_the_spreadsheet_have_row_ids_and_exact_ids(gui: Gui) -> None:
    choose_stars(gui, row_ids=True)
    gui.ask(
        "source = simple.GetActiveSource(); view = simple.CreateView('SpreadSheetView')\n"
        "simple.AssignViewToLayout(view); shown = simple.Show(source, view); simple.Render(view); result = 1"
    )
    rows = cells(gui, SPREADSHEET, 4)
    assert [row["source_id"] for row in rows] == [str(number) for number in stars()["source_id"][:4]]
    assert [(row["PartitionId"], row["RowId"]) for row in rows] == [("0", "0"), ("0", "1"), ("0", "2"), ("0", "3")]


@pytest.mark.parametrize("kind", ["Point", "Row"])
def test_find_data_finds_one_row_by_its_exact_id(gui: Gui, kind: str, tmp_path: Path) -> None:
    choose_stars(gui, row_ids=True, table=kind == "Row")
    gui.menu("Edit", "Find Data...")
    find = "dock('findDataDock')"
    gui.wait(f"{find}.isVisible()")
    boxes = f"[box for box in {find}.findChildren(QComboBox) if box.isVisible()]"
    for text in ("DaskDataFrameSource1", kind, "source_id"):
        gui.wait(f"any(box.findText({text!r}) >= 0 for box in {boxes})")
        gui.ask(f"[box.setCurrentText({text!r}) for box in {boxes} if box.findText({text!r}) >= 0]; result = 1")
    fields = f"[field for field in {find}.findChildren(QLineEdit, 'value') if field.isVisible()]"
    gui.ask(f"fields = {fields}\nfields[0].setText('{WANTED}'); result = 1")
    gui.click(f"{find}.findChild(QWidget, 'findData')")
    (found,) = cells(gui, f"{find}.findChild(QWidget, 'spreadsheet')")
    assert found["source_id"] == str(WANTED)
    partition, row = divmod(ROW, N_STARS // 3)
    assert (found["PartitionId"], found["RowId"]) == (str(partition), str(row))
    gui.screenshot(tmp_path / "found.png")


def test_a_selection_in_the_view_leads_to_row_ids(gui: Gui) -> None:
    choose_stars(gui, row_ids=True)
    width, height = gui.ask("list(simple.GetActiveView().ViewSize)")
    gui.ask(f"simple.SelectSurfacePoints(Rectangle=[0, 0, {width}, {height}]); result = 1")
    selected = gui.ask(
        "extract = simple.ExtractSelection(Input=simple.GetActiveSource()); extract.UpdatePipeline()\n"
        "data = servermanager.Fetch(extract); data = data.GetBlock(0) if data.IsA('vtkMultiBlockDataSet') else data\n"
        "arrays = data.GetPointData()\n"
        "result = [[str(arrays.GetAbstractArray(name).GetVariantValue(i).ToTypeInt64()) for name in "
        "('source_id', 'PartitionId', 'RowId')] for i in range(data.GetNumberOfPoints())]"
    )
    assert len(selected) > N_STARS / 4
    for number, partition, row in selected:
        assert int(number) == ID_START + 2 * (int(partition) * N_STARS // 3 + int(row))


CHARTS = {
    "histogram": ("simple.Histogram(Input=source, SelectInputArray=[kind, 'plx'])", "XYBarChartView"),
    "line chart": ("simple.PlotData(Input=source)", "XYChartView"),
    "scatter chart": ("simple.PlotData(Input=source)", "XYPointChartView"),
}


@pytest.mark.parametrize("kind", ["POINTS", "ROWS"])
def test_charts_show_something(gui: Gui, kind: str, tmp_path: Path) -> None:
    choose_stars(gui, table=kind == "ROWS")
    gui.ask(f"source = simple.GetActiveSource(); kind = {kind!r}; result = 1")
    for chart, (filtered, view) in CHARTS.items():
        gui.ask(
            f"view = simple.CreateView({view!r}); simple.AssignViewToLayout(view); simple.SetActiveView(view); result = 1"
        )
        empty = drawn(gui, tmp_path)
        gui.ask(
            f"shown = simple.Show({filtered}, view); series = shown.GetProperty('SeriesVisibility')\n"
            "if series is not None and 'plx' in list(series.Available): shown.SeriesVisibility = ['plx']\n"
            "simple.Render(view); result = 1"
        )
        gui.screenshot(tmp_path / f"{chart}.png")
        assert drawn(gui, tmp_path) > empty + 5000, chart
        gui.ask("simple.Delete(view); result = 1")
    assert gui.ask("messages()") == []


def test_coded_columns_are_categories_with_their_labels(gui: Gui, tmp_path: Path) -> None:
    """As in a GUI that `pvdask gui` opened, whose start-up script this is."""
    gui.ask("exec(open(__import__('pvdask.scripts').__path__[0] + '/scripts/gui_start.py').read()); result = 1")
    gui.menu("Sources", "Dask", "Dask DataFrame Source")
    gui.wait("panel('Dataset') is not None")
    gui.choose("Dataset", STARS)
    gui.apply()
    gui.reveal("ColumnArrays")
    tree = "panel('ColumnArrays').findChild(QTreeView)"
    point = gui.ask(
        f"tree = {tree}; model = tree.model()\n"
        "row = next(r for r in range(model.rowCount()) if model.index(r, 0).data() == 'kind')\n"
        "tree.scrollTo(model.index(row, 0)); cell = tree.visualRect(model.index(row, 0)); cell.setWidth(18)\n"
        "spot = tree.viewport().mapToGlobal(cell.center()); result = [spot.x(), spot.y()]"
    )
    gui.click_at(*point)
    gui.wait(f"tree = {tree}; result = tree.model().index(row, 0).data(Qt.CheckStateRole) == 2")
    gui.apply()
    colours = "dock_or_bar = main.findChild(QWidget, 'Variables')"
    names = gui.ask(f"{colours}; result = [dock_or_bar.itemText(i) for i in range(dock_or_bar.count())]")
    assert "kind" in names
    gui.ask(
        f"{colours}; dock_or_bar.setCurrentText('kind'); dock_or_bar.activated[int].emit(dock_or_bar.currentIndex()); result = 1"
    )
    gui.wait(f"list({display('ColorArrayName')}) == ['POINTS', 'kind']")
    annotations = gui.wait(f"list({display('LookupTable')}.Annotations)")
    assert dict(zip(annotations[::2], annotations[1::2], strict=True)) == {"0": "dwarf", "1": "giant", "2": "nova"}
    assert gui.ask(f"{display('LookupTable')}.InterpretValuesAsCategories") == 1
    assert re.fullmatch(r"\d+", annotations[0])
    gui.screenshot(tmp_path / "categories.png")
