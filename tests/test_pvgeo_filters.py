"""Filters > PVGeo on 1, 2 and 3 ranks: PVGeo's own algorithms, held against what NumPy makes of each rank's input."""

from __future__ import annotations

import itertools
import json
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from leftovers import SESSION_MARKER, environment_marker, session_folders

from pvdask.launch import ParaViewInstall, Stack

pytestmark = pytest.mark.mpi

SCRIPT = Path(__file__).resolve().parents[1] / "ctest" / "pvgeo_filters.py"
RANKS = (1, 2, 3)
VERTEX, LINE, POLY_LINE, VOXEL = 1, 3, 4, 11
SPACING = 2.0, 2.0, 3.0
OPERATIONS = {"Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply, "Divide": np.divide}

STEPS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "missing": ("points", "ArrayMath", {"Array1": "mass", "Array2": "ident"}),
    "voxels": ("points", "VoxelizePoints", {}),
    "given": ("points", "VoxelizePoints", {"EstimateGrid": 0, "CellSize": [1, 2, 3], "UniqueNodes": 0}),
    "turned": ("one", "VoxelizePoints", {"EstimateGrid": 0, "CellSize": [2, 2, 2], "Angle": 45, "UniqueNodes": 0}),
    "one voxel": ("one", "VoxelizePoints", {"SafeSize": 4}),
    "line": ("points", "AddCellConnectivityToPoints", {}),
    "lines": ("points", "AddCellConnectivityToPoints", {"CellType": "Line"}),
    "unique": ("points", "AddCellConnectivityToPoints", {"UseUniquePoints": 1}),
    "nearest": ("scattered", "AddCellConnectivityToPoints", {"UseNearestNeighbor": 1, "CellType": "Line"}),
    "tube": ("points", "PointsToTube", {"Radius": 0.25, "NumberOfSides": 8}),
    "capped": ("points", "PointsToTube", {"Radius": 0.25, "NumberOfSides": 8, "Capping": 1}),
    **{
        name: ("points", "ArrayMath", {"Array1": "ident", "Array2": "mass", "Operation": name, "Multiplier": 1.5})
        for name in OPERATIONS
    },
    "whole": ("points", "ArrayMath", {"Array1": "ident", "Array2": "ident", "NewArrayName": "twice"}),
    "Correlate": ("points", "ArrayMath", {"Array1": "mass", "Array2": "ident", "Operation": "Correlate"}),
    "rows": ("table", "ArrayMath", {"Array1": "ident", "Array2": "mass"}),
    "Feature Scale": ("points", "NormalizeArray", {"Array": "mass", "Multiplier": 2}),
    "Standard Score": ("points", "NormalizeArray", {"Array": "ident", "Normalization": "Standard Score"}),
    "Log10": (
        "points",
        "NormalizeArray",
        {"Array": "mass", "Normalization": "Log10", "AbsoluteValue": 1, "Shift": 0.5},
    ),
    "Natural Log": ("points", "NormalizeArray", {"Array": "mass", "Normalization": "Natural Log", "AbsoluteValue": 1}),
    "Just Multiply": (
        "table",
        "NormalizeArray",
        {"Array": "mass", "Normalization": "Just Multiply", "Multiplier": -1, "NewArrayName": "minus"},
    ),
    "threshold": ("points", "PercentThreshold", {"Array": "mass", "Percent": 30}),
    "below": ("points", "PercentThreshold", {"Array": "mass", "Percent": 30, "Invert": 1}),
    "continuous": ("points", "PercentThreshold", {"Array": "mass", "Percent": 30, "UseContinuousCellRange": 1}),
    **{
        f"{kind} of nothing": ("nothing", kind, {})
        for kind in (
            "VoxelizePoints",
            "AddCellConnectivityToPoints",
            "PointsToTube",
            "ArrayMath",
            "NormalizeArray",
            "PercentThreshold",
        )
    },
}
ERRORS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "no such array": (
        "points",
        "ArrayMath",
        {"Array1": "ident", "Array2": "weight"},
        "Array2: the input has no array of numbers",
    ),
    "no array at all": ("points", "NormalizeArray", {"Array": "weight"}, "'weight'; it has 'mass', 'ident', 'name'."),
    "no size": (
        "points",
        "VoxelizePoints",
        {"EstimateGrid": 0, "CellSize": [1, 0, 1]},
        "CellSize: found 1.0, 0.0, 1.0",
    ),
    "no grid": ("scattered", "VoxelizePoints", {}, "PVGeo found no regular grid in the points"),
    "blocks": ("blocks", "ArrayMath", {"Array1": "mass", "Array2": "mass"}, "extract or merge blocks first"),
    "a table": ("table", "VoxelizePoints", {}, "takes a vtkPointSet, and the input is a vtkTable"),
}


def grid_rows() -> pd.DataFrame:
    """Points of a regular grid, the last of each file twice."""
    dx, dy, dz = SPACING
    x, y, z = (
        axis.ravel() for axis in np.meshgrid(np.arange(4) * dx, np.arange(3) * dy, np.arange(4) * dz, indexing="ij")
    )
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": x, "y": y, "z": z, "mass": rng.normal(1, 2, len(x)), "ident": np.arange(len(x))})
    frame["name"] = "point"
    return frame


@dataclass(frozen=True)
class Run:
    """What one run of pvbatch wrote and said."""

    folder: Path
    n_ranks: int
    said: dict[str, str]

    def ranks(self, step: str) -> list[dict[str, Any]]:
        """Each rank's arrays of a step."""
        return [pickle.loads((self.folder / f"{step}-{rank}.pickle").read_bytes()) for rank in range(self.n_ranks)]

    def pairs(self, step: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Each rank's input and output, where the input has something."""
        source = STEPS[step][0]
        pairs = list(zip(self.ranks(source), self.ranks(step), strict=True))
        full = [pair for pair in pairs if len(next(iter(pair[0]["rows"].values()), ()))]
        assert full, "some rank has rows"
        for before, after in pairs:
            if not any(before is one for one, _ in full):
                assert not len(after.get("points", ())), "a rank without input has no output"
        return full


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two files, so that two ranks have something; a third has nothing."""
    folder = tmp_path_factory.mktemp("pvgeo-input")
    frame = grid_rows()
    half = len(frame) // 2
    for name, piece in (("a", frame[:half]), ("b", frame[half:])):
        pd.concat([piece, piece[-1:]]).to_csv(folder / f"{name}.csv", index=False)
    rng = np.random.default_rng(6)
    scattered = pd.DataFrame(rng.normal(0, 1, (12, 3)), columns=["x", "y", "z"]).assign(mass=np.arange(12.0))
    scattered.to_csv(folder / "scattered.csv", index=False)
    return {"files": [str(folder / "a.csv"), str(folder / "b.csv")], "scattered": [str(folder / "scattered.csv")]}


@pytest.fixture(scope="module", params=RANKS)
def run(
    request: pytest.FixtureRequest,
    files: dict[str, Any],
    install: ParaViewInstall,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """One run of the script on a number of ranks."""
    folder = tmp_path_factory.mktemp(f"pvgeo-{request.param}")
    steps = [[name, *step] for name, step in STEPS.items()] + [[name, *step[:3]] for name, step in ERRORS.items()]
    options = {**files, "folder": str(folder), "steps": steps}
    with environment_marker(SESSION_MARKER), Stack() as stack:
        session_folders.add(stack.folder.name)
        done = stack.run_batch(install, request.param, SCRIPT, [json.dumps(options)], timeout_s=200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said: dict[str, str] = {}
    for stream in (done.stdout, done.stderr):
        for part in re.split(r"^step ", stream, flags=re.MULTILINE)[1:]:
            name, _, text = part.partition("\n")
            said[name] = said.get(name, "") + text
    return Run(folder, request.param, said)


def boxes(part: dict[str, Any]) -> np.ndarray:
    """Least and greatest x, y and z of each cell, shape (n, 2, 3)."""
    return np.array([[part["points"][nodes].min(axis=0), part["points"][nodes].max(axis=0)] for nodes in part["nodes"]])


def test_where_pvgeo_is_missing_the_entries_say_how_to_get_it(run: Run) -> None:
    assert run.said["missing"].count("PVGeo is not installed for ParaView's Python") == 1
    assert "`./run setup`" in run.said["missing"]
    assert "--no-deps" in run.said["missing"]
    assert all(not part["rows"] for part in run.ranks("missing"))


def test_paraview_s_messages_are_as_before(run: Run) -> None:
    """PVGeo's import sends them to `logging`, and from there to themselves."""
    for rank in range(run.n_ranks):
        before, after = (json.loads((run.folder / f"{when}-{rank}.json").read_text()) for when in ("before", "after"))
        assert before[:3] == after[:3]
        assert before[3] is False
        assert after[3] is True


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_complained_of(run: Run, step: str) -> None:
    assert step == "missing" or "PVGeo:" not in run.said[step]
    assert "Traceback" not in run.said[step]


def test_a_voxel_round_each_point(run: Run) -> None:
    for before, after in run.pairs("voxels"):
        assert after["kind"] == "vtkUnstructuredGrid"
        assert after["types"] == [VOXEL] * len(before["points"])
        half = np.array(SPACING) / 2
        assert np.allclose(boxes(after), before["points"][:, None] + np.array([-half, half]))
        for name in ("mass", "ident"):
            assert after["cells"][name].tobytes() == before["rows"][name].tobytes()
        assert np.allclose(after["fielddata"]["Recovered Cell Sizes"], SPACING)
        assert len(after["points"]) == len(np.unique(np.round(after["points"], 6), axis=0)), "neighbours share nodes"


def test_voxels_of_a_given_size(run: Run) -> None:
    for before, after in run.pairs("given"):
        assert len(after["points"]) == 8 * len(before["points"])
        half = np.array([0.5, 1, 1.5])
        assert np.allclose(boxes(after), before["points"][:, None] + np.array([-half, half]))


def test_voxels_that_are_turned(run: Run) -> None:
    for before, after in run.pairs("turned"):
        corner = np.sqrt(2)
        centre = before["points"]
        assert np.allclose(np.ptp(boxes(after), axis=1), [[2 * corner, 2 * corner, 2]])
        assert len(centre) == 1


def test_a_single_point_has_a_voxel_of_the_safe_size(run: Run) -> None:
    for before, after in run.pairs("one voxel"):
        assert np.allclose(boxes(after), before["points"][:, None] + np.array([[-2.0] * 3, [2.0] * 3]))


def test_a_line_through_all_points(run: Run) -> None:
    for before, after in run.pairs("line"):
        assert after["types"] == [POLY_LINE]
        assert after["nodes"] == [list(range(len(before["points"])))]
        assert np.array_equal(after["points"], before["points"])
        assert np.array_equal(after["rows"]["ident"], before["rows"]["ident"])


def test_lines_from_point_to_point(run: Run) -> None:
    for before, after in run.pairs("lines"):
        n_points = len(before["points"])
        assert after["types"] == [LINE] * (n_points - 1)
        assert after["nodes"] == [[i, i + 1] for i in range(n_points - 1)]


def test_of_points_at_one_place_the_first_is_taken(run: Run) -> None:
    for before, after in run.pairs("unique"):
        _, first = np.unique(before["points"], axis=0, return_index=True)
        rows = np.sort(first)
        assert 0 < len(rows) < len(before["points"])
        assert np.array_equal(after["points"], before["points"][rows])
        assert np.array_equal(after["rows"]["mass"], before["rows"]["mass"][rows])
        assert after["nodes"] == [list(range(len(rows)))]


def test_from_neighbour_to_neighbour(run: Run) -> None:
    """PVGeo's path: all points in the order of their distance from one of them, for which that is the shortest."""
    for before, after in run.pairs("nearest"):
        points = before["points"]
        paths = [np.argsort(np.linalg.norm(points - point, axis=1)) for point in points]
        lengths = [np.linalg.norm(np.diff(points[path], axis=0), axis=1).sum() for path in paths]
        best = paths[int(np.argmin(lengths))].tolist()
        assert after["nodes"] == [list(pair) for pair in itertools.pairwise(best)]


@pytest.mark.parametrize("step", ["tube", "capped"])
def test_a_tube_of_the_radius(run: Run, step: str) -> None:
    for before, after in run.pairs(step):
        assert after["kind"] == "vtkPolyData"
        line = before["points"]
        ends = list(itertools.pairwise(line))

        def distance(point: np.ndarray, ends: list[Any] = ends) -> float:
            found = []
            for start, stop in ends:
                along = stop - start
                share = np.clip((point - start) @ along / max(along @ along, 1e-300), 0, 1)
                found.append(np.linalg.norm(point - start - share * along))
            return float(min(found))

        distances = np.array([distance(point) for point in after["points"]])
        assert distances.max() <= 0.25 + 1e-6
        assert (np.abs(distances - 0.25) < 1e-6).mean() > 0.5
        assert len(after["points"]) % 8 == 0
        n_caps = sum(len(nodes) == 8 for nodes in after["nodes"])
        assert (n_caps >= 2) == (step == "capped")


@pytest.mark.parametrize("name", OPERATIONS)
def test_math_of_two_arrays(run: Run, name: str) -> None:
    for before, after in run.pairs(name):
        one, two = before["rows"]["ident"].astype(float), before["rows"]["mass"]
        assert np.array_equal(after["rows"]["Mathed Up"], OPERATIONS[name](one, two) * 1.5)
        assert after["kind"] == before["kind"]
        assert set(before["rows"]) < set(after["rows"])


def test_math_of_whole_numbers(run: Run) -> None:
    for before, after in run.pairs("whole"):
        assert after["rows"]["twice"].tolist() == (2 * before["rows"]["ident"]).tolist()


def test_a_correlation(run: Run) -> None:
    for before, after in run.pairs("Correlate"):
        wanted = np.correlate(before["rows"]["mass"], before["rows"]["ident"].astype(float), mode="same")
        assert np.allclose(after["rows"]["Mathed Up"], wanted)


def test_math_of_a_table(run: Run) -> None:
    for before, after in run.pairs("rows"):
        assert after["kind"] == "vtkTable"
        assert np.array_equal(after["rows"]["Mathed Up"], before["rows"]["ident"] + before["rows"]["mass"])


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        ("Feature Scale", lambda rows: 2 * (rows["mass"] - rows["mass"].min()) / np.ptp(rows["mass"])),
        ("Standard Score", lambda rows: (rows["ident"] - rows["ident"].mean()) / rows["ident"].std()),
        ("Log10", lambda rows: np.log10(np.abs(rows["mass"]) + 0.5)),
        ("Natural Log", lambda rows: np.log(np.abs(rows["mass"]))),
    ],
)
def test_a_normalized_array(run: Run, step: str, wanted: Any) -> None:
    for before, after in run.pairs(step):
        assert np.allclose(after["rows"]["Normalized"], wanted(before["rows"]), rtol=1e-12)


def test_a_multiplied_column_of_a_table(run: Run) -> None:
    for before, after in run.pairs("Just Multiply"):
        assert np.array_equal(after["rows"]["minus"], -before["rows"]["mass"])


@pytest.mark.parametrize(("step", "is_above"), [("threshold", True), ("below", False), ("continuous", True)])
def test_what_is_above_a_share_of_the_range(run: Run, step: str, is_above: bool) -> None:
    for before, after in run.pairs(step):
        mass = before["rows"]["mass"]
        limit = mass.min() + 0.3 * np.ptp(mass)
        kept = mass[(mass >= limit) == is_above]
        assert 0 < len(kept) < len(mass)
        assert after["kind"] == "vtkUnstructuredGrid"
        assert after["types"] == [VERTEX] * len(kept)
        assert np.array_equal(np.sort(after["rows"]["mass"]), np.sort(kept))


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("missing",)])
def test_the_note_of_where_the_rows_came_from_comes_along(run: Run, step: str) -> None:
    assert all("DaskDataFrame" in part["fields"] for part in run.ranks(step))


@pytest.mark.parametrize("step", ERRORS)
def test_what_cannot_be_is_one_error_and_an_empty_output(run: Run, step: str) -> None:
    assert run.said[step].count("PVGeo:") == 1
    assert ERRORS[step][3] in run.said[step]
    assert all(not len(part.get("points", ())) and not part.get("rows") for part in run.ranks(step))
