"""A short version of tests/kill.py."""

from random import Random

import pytest

pytest.importorskip('openai')  # which tools under kills ask a server by

from kill import setting, torture


@pytest.mark.slow
@pytest.mark.parametrize('name', ['make_scenes', 'colours_to_labels', 'annotations_to_labels', 'prepare_data'])
def test_a_killed_tool_ends_as_an_undisturbed_one(name, monkeypatch):
    monkeypatch.setattr('kill.KILLS', 1)
    monkeypatch.setattr('kill.PREPARED', 3)
    monkeypatch.setattr('itaclip_mmseg.scenes.dataset.scene_sizes', lambda seed, number: [(64, 80)] * number)
    with setting(images=1, maps=60) as (data, folder, found):
        (job,) = (job for job in found if job.name == name)
        assert torture(job, data, folder / name, 3, Random(0), alone=False) == []
