"""What happens beside the test loop."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from PIL import Image

from itaclip_mmseg.engine import hooks
from itaclip_mmseg.engine.hooks import JournalHook, OverlayHook, ProgressHook
from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.utils.fingerprints import fingerprint
from itaclip_mmseg.utils.outputs import Output


def runner(**metric):
    dataset = SimpleNamespace(dataset=[0] * 5)
    return SimpleNamespace(test_evaluator=SimpleNamespace(metrics=[SimpleNamespace(**metric)]), test_dataloader=dataset)


def test_progress_goes_on_where_an_earlier_run_ended(monkeypatch):
    """Of all processes together; the terminal is free again before the results."""
    bar = MagicMock()
    monkeypatch.setattr(hooks, 'ProgressBar', bar)
    monkeypatch.setattr(hooks, 'get_world_size', lambda: 3)
    hook = ProgressHook()
    hook.before_test(runner(earlier=['a', 'b']))
    bar.assert_called_once_with('images', 7, 2)
    bar.return_value.__enter__.assert_called_once()
    hook.after_test_iter(None, 0, None, ['c', 'd'])
    bar.return_value.advance.assert_called_once_with(6)
    hook.after_test_epoch(None)
    bar.return_value.__exit__.assert_called_once()


def test_a_batch_is_written_down_with_its_files(tmp_path):
    """Those of the batch alone, with what their files were."""
    files = {name: [str(tmp_path / name)] for name in 'abc'}
    for (path,) in files.values():
        with open(path, 'w') as file:
            file.write(path)
    results = [ImageCounts(name, 1, {}) for name in files]
    hook = JournalHook(Journal(tmp_path / 'work', 'key'), files, lambda image: [Output(files[image][0])])
    hook.after_test_iter(runner(results=results), 0, None, ['outputs of b', 'of c'])
    assert [one.image for one in results] == ['a', 'b', 'c'] and results[0].files is None
    written = Journal(tmp_path / 'work', 'key').read()
    expected = {name: [fingerprint(*files[name])] for name in 'bc'}
    assert {name: one.files for name, one in written.items()} == expected
    assert {name: one.outputs for name, one in written.items()} == expected
    assert hook.priority == 'LOWEST'  # behind the outputs of an image


@pytest.mark.parametrize('size', [(8, 6), (4, 6)])
def test_overlays_are_drawn_on_what_was_segmented(tmp_path, size):
    """The photograph itself, or, where a pipeline cuts it, what the model saw; red is red in both."""
    Image.new('RGB', (6, 8), (255, 0, 0)).save(tmp_path / 'a.png')
    seen = torch.zeros(3, 2, 3, dtype=torch.uint8)
    seen[2], seen[1] = 200, 7  # BGR, as MMSegmentation loads it
    picture = OverlayHook.picture(SimpleNamespace(img_path=str(tmp_path / 'a.png')), seen, size)
    assert picture.shape == (*size, 3)
    assert np.array_equal(picture, np.full((*size, 3), (255, 0, 0) if size == (8, 6) else (200, 7, 0)))
