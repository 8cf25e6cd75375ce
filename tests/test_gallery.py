"""The page of tasks: the committed one says what the cards say, and its pictures show something."""

from __future__ import annotations

import re
from pathlib import Path

import imageio.v3 as iio
import pytest

from legion_bench import catalogue, gallery
from legion_bench.cards import ROBOTS, load_stream, load_task
from legion_bench.envs import env_id
from legion_bench.envs.manipulation import ManipulationEnv
from tests.envs.tasks import every_task
from tests.helpers import python

FOLDER = Path(gallery.__file__).parents[1] / "docs" / "tasks"
TASKS = catalogue.names("envs/tasks")
MADE_ANEW = "make it anew: legion-bench gallery"


@pytest.fixture(scope="module")
def page() -> str:
    return (FOLDER / gallery.PAGE).read_text(encoding="utf-8")


def test_the_committed_page_is_what_the_cards_give(page: str) -> None:
    counts = re.findall(r"\*\*([a-z-]+)\*\* · ([12]) object", page)
    assert gallery.page({task: int(count) for task, count in counts}) == page, MADE_ANEW
    assert tuple(task for task, _ in counts) == TASKS, MADE_ANEW


@every_task
def test_a_tasks_row_tells_its_number_of_objects(task: str, page: str) -> None:
    env = ManipulationEnv(task, observation="metaworld-39")
    objects = gallery.count_objects(env.reset(seed=0)[0])
    assert gallery.entry(task, objects) in page.splitlines()


def test_a_row_tells_all_there_is_to_a_task() -> None:
    row = gallery.entry("push", 1)
    card = load_task("push")
    assert all(sentence in row for sentence in (card.instruction, *card.paraphrases))
    assert all(f"`{env_id(f'{robot}-push')}`" in row for robot in ROBOTS)
    assert "1 object · vectorised reward · LEGION · Continual World<br>" in row
    assert "2 objects · Meta-World's own reward<br>" in gallery.entry("stick-push", 2)


def test_every_link_leads_somewhere(page: str) -> None:
    for stream in gallery.STREAMS.values():
        for task in load_stream(stream).tasks:
            assert f"[{task}](#{task})" in page
    for target in re.findall(r"\]\(#([^)]+)\)", page):
        assert f'<a id="{target}"></a>' in page
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page):
        assert (FOLDER / target).is_file(), target


@pytest.mark.parametrize("task", TASKS)
def test_a_picture_is_there_small_of_the_right_size_and_not_blank(task: str) -> None:
    path = FOLDER / f"{task}.jpg"
    assert path.stat().st_size <= 15_000
    picture = iio.imread(path)
    assert picture.shape == (gallery.SIZE, gallery.SIZE, 3)
    assert picture.std() > 20
    middle = picture[gallery.SIZE // 4 : -gallery.SIZE // 4, gallery.SIZE // 4 : -gallery.SIZE // 4]
    assert middle.std() > 20, "nothing where the arm and the objects are"


def test_no_picture_is_left_of_a_task_that_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{task}.jpg" for task in TASKS} | {gallery.PAGE}


@pytest.mark.needs_rendering
def test_pictures_are_drawn_and_the_page_comes_last(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from legion_bench import gallery; "
        "print(*(path.name for path in gallery.write(Path('pictures'), ['push', 'stick-push'], 32)))"
    )
    done = python("-c", code, cwd=tmp_path, MUJOCO_GL="egl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["push.jpg", "stick-push.jpg", gallery.PAGE]
    assert iio.imread(tmp_path / "pictures" / "push.jpg").shape == (32, 32, 3)
    written = (tmp_path / "pictures" / gallery.PAGE).read_text(encoding="utf-8")
    assert written == gallery.page({"push": 1, "stick-push": 2})
