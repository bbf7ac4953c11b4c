"""Label maps, photographs, journals and caches that were damaged: what is sound is read, and nothing else."""

from random import Random

import cv2
import numpy as np
import pytest
import torch
from mutations import Answers, damaged, flipped
from PIL import ExifTags, Image
from safetensors.torch import save_file
from versions import new_opencv

from itaclip_mmseg.datasets.labels import check_label_map, read_labels
from itaclip_mmseg.datasets.reading import check_photograph, read_photograph
from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.models.backbones.checkpoint import read_weights
from itaclip_mmseg.models.backbones.embedding_cache import EmbeddingCache
from itaclip_mmseg.text.generation.llm import AnswerJournal, Question

LABELS = np.random.RandomState(0).randint(0, 5, (30, 40)).astype(np.uint8)
PIXELS = np.random.RandomState(0).randint(0, 255, (30, 40, 3)).astype(np.uint8)
PICTURES = {'L': LABELS, 'I;16': LABELS.astype(np.uint16) * 99, 'RGB': np.dstack([LABELS] * 3), 'P': LABELS}


def saved_labels(path, mode):
    picture = Image.fromarray(PICTURES[mode])
    if mode == 'P':
        picture.putpalette(bytes(range(15)))
    picture.save(path)
    return path.read_bytes(), read_labels(path)


def test_label_maps(tmp_path, rounds):
    """A PNG holds checksums, so that no damage may change a label."""
    answers, path = Answers('map.png'), tmp_path / 'map.png'
    whole = {mode: saved_labels(path, mode) for mode in PICTURES}
    for seed in rounds(150):
        random = Random(seed)
        data, labels = whole[random.choice(list(PICTURES))]
        path.write_bytes(random.choice((damaged, flipped))(random, data))
        with answers.one():
            check_label_map(path, labels.shape)
            found = read_labels(path)
            assert np.array_equal(found, labels), seed
    answers.close('label maps')


@pytest.mark.filterwarnings('ignore')
@new_opencv
def test_photographs(tmp_path, rounds):
    """Of a PNG the right pixels; of others, which hold no checksum, pixels in the size that was checked."""
    answers, exif = Answers('photo'), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    whole = {}
    for suffix in ('jpg', 'png', 'webp', 'bmp', 'tif'):
        path = tmp_path / f'photo.{suffix}'
        Image.fromarray(PIXELS).save(path, **(dict(exif=exif) if suffix in ('jpg', 'png', 'webp') else {}))
        whole[path] = path.read_bytes(), read_photograph(path)
        assert whole[path][1].shape[:2] == check_photograph(path), suffix
    for seed in rounds(150):
        random = Random(seed)
        path = random.choice(list(whole))
        data, pixels = whole[path]
        path.write_bytes(random.choice((damaged, flipped))(random, data))
        with answers.one():
            size = check_photograph(path)
            found = read_photograph(path)
            assert found.shape == (*size, 3) and found.dtype == np.uint8, seed
            assert path.suffix != '.png' or np.array_equal(found, pixels), seed
    answers.close('photographs')


@pytest.mark.filterwarnings('ignore')
def test_deep_photographs(tmp_path, rounds):
    """Of 12 bits and of floating values: decoded in the size that was checked, or refused."""
    answers, whole = Answers('deep'), {}
    for name, values in (('deep.png', PIXELS.astype(np.uint16) * 16), ('deep.tif', PIXELS.astype(np.float32) / 255)):
        path = tmp_path / name
        cv2.imwrite(str(path), values, [cv2.IMWRITE_TIFF_COMPRESSION, 1])  # older versions lose bits without it
        whole[path] = path.read_bytes(), read_photograph(path)
        assert np.abs(whole[path][1].astype(int) - PIXELS).max() <= 1
    for seed in rounds(150):
        random = Random(seed)
        path = random.choice(list(whole))
        data, pixels = whole[path]
        path.write_bytes(random.choice((damaged, flipped))(random, data))
        with answers.one():
            size = check_photograph(path)
            found = read_photograph(path)
            assert found.shape == (*size, 3) and found.dtype == np.uint8, seed
            assert path.suffix != '.png' or np.array_equal(found, pixels), seed
    answers.close('deep photographs')


@pytest.mark.filterwarnings('ignore')
def test_weights(tmp_path, rounds):
    """Damaged files of weights: finite tensors by name, or one line."""
    answers, whole = Answers('weights'), {}
    state = {f'module.{name}': torch.randn(3, 4) for name in 'abc'}
    for name, save in (('weights.pt', torch.save), ('weights.safetensors', save_file)):
        save(state, tmp_path / name)
        whole[tmp_path / name] = (tmp_path / name).read_bytes()
    for seed in rounds(150):
        random = Random(seed)
        path = random.choice(list(whole))
        path.write_bytes(random.choice((damaged, flipped))(random, whole[path]))
        with answers.one():
            found = read_weights(path)
            assert found and all(value.isfinite().all() for value in found.values() if value.is_floating_point()), seed
    answers.close('weights')


def entries(number, factor=1):
    cells = np.arange(3, dtype=np.int32)
    return [
        ImageCounts(f'{one}.jpg', one, {'': (cells, (cells.astype(np.int64) + one) * factor)}, one)
        for one in range(number)
    ]


def test_journals(tmp_path, rounds):
    """Damaged ones, those of two processes in one, those of another run under this one's name: sound lines count."""
    written, kept = {str(entry): entry for entry in entries(8)}, 0
    Journal(tmp_path / 'ours', 'key').append(entries(8))
    Journal(tmp_path / 'other', 'old').append(entries(8, factor=1000))
    ours, others = ((next((tmp_path / name).iterdir())).read_bytes() for name in ('ours', 'other'))
    journal = Journal(tmp_path, 'key')
    for seed in rounds(100):
        random = Random(seed)
        data = random.choice((ours, ours + others, others + ours, ours + ours))
        (tmp_path / '.journal-key-0.jsonl').write_bytes(random.choice((damaged, flipped))(random, data))
        done = journal.read()
        assert all(str(entry) in written and entry.image == name for name, entry in done.items()), seed
        journal.append(entries(9)[8:])
        assert len(journal.read()) == len(done) + 1
        kept += len(done)
    print(f'journals: {len(rounds(100))} damaged, {kept} of {8 * len(rounds(100))} images kept, no other')
    assert 0 < kept < 8 * len(rounds(100))


def test_journals_of_answers(tmp_path, rounds):
    """Of language models: the same."""
    answers = {Question(kind, name, name): f'{kind} of {name}' for kind in ('definition', 'synonym') for name in 'abcd'}
    journal = AnswerJournal(tmp_path / 'bank.json.journal', dict(definition={}, synonym=dict(seed=1)))
    for question, text in answers.items():
        journal.append(question, text)
    data, kept = journal.path.read_bytes(), 0
    for seed in rounds(100):
        journal.path.write_bytes(damaged(Random(seed), data))
        found = journal.read()
        assert found.items() <= answers.items(), seed
        kept += len(found)
    assert 0 < kept < len(answers) * len(rounds(100))


def test_caches(tmp_path, rounds, monkeypatch):
    """A damaged cache, or that of other weights, is as none; it can be written again."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    values = {text: torch.randn(4, generator=torch.Generator().manual_seed(len(text))) for text in ('a', 'bb', 'ccc')}
    other, cache, right = EmbeddingCache('old'), EmbeddingCache('key'), 0
    other.add({text: -value for text, value in values.items()})
    cache.add(values)
    whole = cache.path.read_bytes()
    cache.path.write_bytes(other.path.read_bytes())
    assert cache.read() == {}
    for seed in rounds(100):
        random = Random(seed)
        cache.path.write_bytes(random.choice((damaged, flipped))(random, whole))
        found = cache.read()
        assert all(value.dtype == torch.float32 and torch.equal(value, values[text]) for text, value in found.items())
        assert found.keys() in (set(), set(values)), seed
        right += bool(found)
    cache.add(values)
    assert cache.read().keys() == values.keys()
    print(f'caches: {len(rounds(100))} damaged, {right} still right, all others as none')
    assert right < len(rounds(100))
