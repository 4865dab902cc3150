"""`pvdask view` in a real Chromium: it loads, turns, recolours, saves and loads, and is read by everyone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import Visit, browser, served
from leftovers import SESSION_MARKER, environment_marker
from scene_frames import MARKUP, N_ROWS, published_for_pages
from scene_frames import PAGE_OTHER as OTHER
from scene_frames import PAGE_STARS as STARS

from pvdask.launch import ClusterHandle

pytestmark = pytest.mark.clientserver

WATCH_FRAMES = """() => {
  const view = window.pvdask.view, paint = view.onframe;
  window.sizes = [];
  view.onframe = (stats) => { window.sizes.push([stats.isDrag, stats.bytes]); paint(stats); };
}"""


@pytest.fixture(scope="module")
def published(cluster: ClusterHandle) -> Iterator[ClusterHandle]:
    with published_for_pages(cluster):
        yield cluster


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with environment_marker(SESSION_MARKER), browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def url(published: ClusterHandle) -> Iterator[str]:
    with environment_marker(SESSION_MARKER):
        words = ("--scheduler-file", str(published.scheduler_file), "--dataset", STARS, "-n", "2")
        with served(*words) as command:
            yield command.url()


@pytest.fixture
def visit(chrome: Any, url: str) -> Iterator[Visit]:
    """A page of its own, loaded; its console may say nothing bad in the whole test."""
    visit = Visit(chrome, url)
    yield visit
    errors = visit.errors()
    visit.context.close()
    assert errors == []


def test_it_loads_and_says_what_there_is(visit: Visit) -> None:
    assert visit.page.title() == "pvdask"
    assert visit.value("dataset") == STARS
    assert [visit.value(axis) for axis in "xyz"] == ["x", "y", "z"]
    assert visit.value("color") == "heat"
    assert visit.text("rows") == f"{N_ROWS:,} of {N_ROWS:,}"
    assert visit.text("dropped") == "0"
    assert "2 ranks" in visit.text("received")
    assert "a second" in visit.text("frames")
    assert len(np.unique(visit.picture().reshape(-1, 3), axis=0)) > 100


def test_a_drag_turns_it_small_at_first_and_settles_to_full_size(visit: Visit) -> None:
    before = visit.picture()
    visit.page.evaluate(WATCH_FRAMES)
    with visit.new_picture():
        visit.drag(120, 40)
    sizes = visit.page.evaluate("window.sizes")
    drags, still = [size for is_drag, size in sizes if is_drag], sizes[-1]
    assert drags
    assert still[0] is False
    assert max(drags) < still[1] / 2
    assert not np.array_equal(before, visit.picture())
    assert visit.page.evaluate("window.pvdask.view.stats.latencies.length") == len(drags)


def test_pan_zoom_wheel_and_axes(visit: Visit) -> None:
    pictures = [visit.picture()]
    actions = (
        lambda: visit.page.mouse.wheel(0, -300),
        lambda: visit.page.click("[data-look='+x']"),
        lambda: visit.page.click("[data-look='-z']"),
        lambda: visit.page.click("[data-look='']"),
    )
    for action in actions:
        visit.page.hover("#view")
        with visit.new_picture():
            action()
        pictures.append(visit.picture())
    visit.page.keyboard.down("Shift")
    with visit.new_picture():
        visit.drag(80, 0)
    visit.page.keyboard.up("Shift")
    pictures.append(visit.picture())
    assert np.array_equal(pictures[0], pictures[4])
    for index, other in ((1, 0), (2, 0), (3, 2), (5, 4)):
        assert not np.array_equal(pictures[index], pictures[other])


def test_two_fingers_zoom(chrome: Any, url: str) -> None:
    visit = Visit(chrome, url, has_touch=True)
    before = visit.page.evaluate("Math.hypot(...window.pvdask.view.camera.position)")
    session = visit.context.new_cdp_session(visit.page)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    with visit.new_picture():
        touch("touchStart", (250, 300), (300, 300))
        touch("touchMove", (200, 300), (350, 300))
        touch("touchEnd")
    assert visit.page.evaluate("Math.hypot(...window.pvdask.view.camera.position)") < before * 0.6
    visit.context.close()


def test_the_drop_down_recolours_and_moves_only_that_column(visit: Visit) -> None:
    before = visit.picture()
    assert visit.received() == N_ROWS * (3 * 4 + 8)
    with visit.new_picture():
        visit.page.select_option("#color", "depth")
    assert visit.received() == N_ROWS * 4
    assert not np.array_equal(before, visit.picture())
    with visit.new_picture():
        visit.page.select_option("#color", "heat")
    assert visit.received() == 0
    assert np.array_equal(before, visit.picture())
    with visit.new_picture():
        visit.page.select_option("#color", "kind")
    assert visit.page.is_disabled("#preset")
    assert visit.page.is_disabled("#low")


def test_range_preset_legend_size_and_representation(visit: Visit) -> None:
    pictures = [visit.picture()]
    actions = (
        lambda: visit.page.select_option("#preset", "Turbo"),
        lambda: (visit.page.fill("#high", "5"), visit.page.press("#high", "Tab")),
        lambda: visit.page.click("#rescale"),
        lambda: visit.page.uncheck("#legend"),
        lambda: visit.page.select_option("#representation", "Points"),
        lambda: (visit.page.focus("#size"), visit.page.keyboard.press("End")),
    )
    for action in actions:
        with visit.new_picture():
            action()
        pictures.append(visit.picture())
    for index, picture in enumerate(pictures):
        assert not any(np.array_equal(picture, other) for other in pictures[:index] if other is not pictures[1]), index
    assert np.array_equal(pictures[1], pictures[3])  # fitted to the data again


def test_a_bad_filter_shows_its_error_beside_it_and_the_picture_stays(visit: Visit) -> None:
    before = visit.picture()
    visit.page.fill("#filter", "heat.max() > 1")
    with visit.new_picture():
        visit.page.press("#filter", "Enter")
    assert "attributes and methods are not allowed" in visit.text("filter-error")
    assert visit.page.get_attribute("#filter", "aria-invalid") == "true"
    assert visit.page.is_hidden("#message")
    assert np.array_equal(before, visit.picture())
    visit.page.fill("#filter", "heat > 0")
    with visit.new_picture():
        visit.page.press("#filter", "Enter")
    assert visit.page.is_hidden("#filter-error")
    assert not visit.text("rows").startswith(f"{N_ROWS:,}")
    with visit.new_picture():
        visit.page.fill("#filter", "")
        visit.page.press("#filter", "Enter")
    assert np.array_equal(before, visit.picture())


def test_another_dataset_other_columns_and_a_sample(visit: Visit) -> None:
    with visit.new_picture():
        visit.page.select_option("#dataset", OTHER)
    assert visit.text("rows") == "500 of 500"
    assert visit.value("color") == "warmth"
    with visit.new_picture():
        visit.page.select_option("#z", "(none)")
    with visit.new_picture():
        visit.page.focus("#sample")
        for _ in range(6):
            visit.page.keyboard.press("ArrowLeft")
        visit.page.keyboard.press("Tab")
    visit.page.wait_for_function("document.getElementById('busy').hidden")
    assert 100 < int(visit.text("rows").split()[0]) < 500


def test_names_and_labels_are_text_and_never_markup(visit: Visit) -> None:
    with visit.new_picture():
        visit.page.select_option("#dataset", OTHER)
    with visit.new_picture():
        visit.page.select_option("#color", MARKUP)
    assert visit.value("color") == MARKUP
    visit.page.fill("#filter", f"`{MARKUP}` > 1")
    visit.page.press("#filter", "Enter")
    visit.page.wait_for_function("document.getElementById('filter-error').textContent")
    assert visit.page.evaluate("window.harmed") is None


def test_what_is_saved_can_be_loaded(visit: Visit, tmp_path: Path) -> None:
    files = {}
    with visit.new_picture():
        visit.page.select_option("#color", "depth")
    with visit.new_picture():
        visit.page.click("[data-look='+y']")
    before = visit.picture()
    for kind, suffix in (("screenshot", "png"), ("state", "pvsm"), ("camera", "pvcc"), ("color_map", "json")):
        with visit.page.expect_download() as download:
            visit.page.click(f"[data-save='{kind}']")
        files[kind] = tmp_path / f"saved.{suffix}"
        download.value.save_as(files[kind])
    assert files["screenshot"].read_bytes().startswith(b"\x89PNG")
    with visit.new_picture():
        visit.page.select_option("#color", "heat")
    with visit.new_picture():
        visit.page.click("[data-look='-x']")
    with visit.new_picture():
        visit.page.set_input_files("#load", files["state"])
    assert visit.value("color") == "depth"
    assert np.array_equal(before, visit.picture())
    for kind in ("camera", "color_map"):
        with visit.new_picture():
            visit.page.set_input_files("#load", files[kind])
        assert visit.page.is_hidden("#message")


def test_files_of_something_else_are_refused_in_words(visit: Visit, tmp_path: Path) -> None:
    before = visit.picture()
    for name, words in (
        ("a.pvsm", "expected a state"),
        ("a.pvcc", "expected one (.pvcc)"),
        ("a.json", "colour presets"),
        ("a.txt", "a.txt"),
    ):
        (tmp_path / name).write_text("hello")
        visit.page.set_input_files("#load", tmp_path / name)
        assert words in visit.message()
        visit.page.wait_for_function("document.getElementById('busy').hidden")
        visit.page.click("#message-close")
    assert np.array_equal(before, visit.picture())


def test_two_pages_do_not_disturb_each_other(visit: Visit, chrome: Any, url: str) -> None:
    before, camera = visit.picture(), visit.page.evaluate("window.pvdask.view.camera")
    second = Visit(chrome, url)
    with second.new_picture():
        second.drag(100, 0)
    with second.new_picture():
        second.page.select_option("#color", "depth")
    with second.new_picture():
        second.page.select_option("#preset", "Turbo")
    with visit.new_picture():
        visit.page.evaluate("window.pvdask.view.still()")
    assert np.array_equal(before, visit.picture())
    assert visit.page.evaluate("window.pvdask.view.camera") == camera
    assert visit.value("color") == "heat"
    second.context.close()
    with visit.new_picture():
        visit.page.evaluate("window.pvdask.view.still()")
    assert np.array_equal(before, visit.picture())


def test_a_reload_shows_what_was_shown(visit: Visit) -> None:
    with visit.new_picture():
        visit.page.select_option("#color", "depth")
    with visit.new_picture():
        visit.page.click("[data-look='+z']")
    before = visit.picture()
    for pause_ms in (0, 150, 300, 450, 600):  # while it loads, connects, asks
        visit.page.reload()
        visit.page.wait_for_timeout(pause_ms)
    visit.page.reload()
    visit.settle(0)
    assert visit.value("color") == "depth"
    assert np.array_equal(before, visit.picture())


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(visit: Visit) -> None:
    controls = "#pvdask :is(button, select, input, canvas)"
    unnamed = visit.page.evaluate(
        "selector => [...document.querySelectorAll(selector)].filter(each => !each.labels?.length && !each.ariaLabel"
        " && !each.textContent.trim()).map(each => each.id)", controls)  # fmt: skip
    assert unnamed == []
    wanted = visit.page.evaluate(
        "selector => [...document.querySelectorAll(selector)].filter(each => each.offsetParent && !each.disabled).length",
        controls)  # fmt: skip
    visit.page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(wanted + 3):
        visit.page.keyboard.press("Tab")
        reached.add(visit.page.evaluate("document.activeElement.id + document.activeElement.outerHTML.slice(0, 90)"))
    assert len(reached) >= wanted
    visit.page.focus("#view")
    before = visit.picture()
    with visit.new_picture():
        visit.page.keyboard.press("ArrowLeft")
    with visit.new_picture():
        visit.page.keyboard.press("+")
    assert not np.array_equal(before, visit.picture())
    with visit.new_picture():
        visit.page.keyboard.press("Home")
    assert np.array_equal(before, visit.picture())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("enlarged", {"viewport": {"width": 1024, "height": 640}, "device_scale_factor": 1.25}),
        (
            "phone",
            {"viewport": {"width": 375, "height": 667}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True},
        ),
    ],
)
def test_nothing_is_cut_off_in_a_small_window(
    chrome: Any, url: str, name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    visit = Visit(chrome, url, **options)
    visit.shot(tmp_path / f"{name}.png")
    width = options["viewport"]["width"]
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    out = visit.page.evaluate(
        "width => [...document.querySelectorAll('#pvdask :is(button, select, input, output, dd)')].filter(each =>"
        " { const box = each.getBoundingClientRect(); return box.width && (box.left < 0 || box.right > width + 1); })"
        ".map(each => each.id || each.textContent)", width)  # fmt: skip
    assert out == []
    sizes = visit.page.evaluate(
        "[...document.querySelectorAll('#pvdask *')].map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(sizes) >= 13
    assert visit.errors() == []
    visit.context.close()


def test_must_fail_an_error_on_the_console_is_seen(chrome: Any, url: str) -> None:
    visit = Visit(chrome, url)
    visit.page.evaluate("() => { setTimeout(() => { throw new Error('planted'); }); console.error('planted too'); }")
    visit.page.wait_for_timeout(200)
    assert {"error: planted too", "pageerror: planted"} <= set(visit.errors())
    visit.context.close()
