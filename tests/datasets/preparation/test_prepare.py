"""From archives to what the configs read: whole data sets, of small archives with the published structure."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest
from file_server import FileServer
from published import IMAGES, published, small_collections, write_archives

from itaclip_mmseg.datasets.configs import named_dataset
from itaclip_mmseg.datasets.inspection import inspect
from itaclip_mmseg.datasets.preparation import convert, download
from itaclip_mmseg.datasets.preparation.cityscapes import train_ids
from itaclip_mmseg.datasets.preparation.prepare import prepare
from itaclip_mmseg.datasets.preparation.sources import COLLECTIONS
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.locks import LOCK, locked

PUBLIC = ('voc21', 'voc20', 'context60', 'context59', 'coco-object', 'coco-stuff171', 'ade20k150')
COCO = ('val2017.zip', 'stuffthingmaps_trainval2017.zip')


@pytest.fixture(scope='module')
def archives(tmp_path_factory):
    """A folder of all archives."""
    folder = tmp_path_factory.mktemp('published') / 'archives'
    write_archives(folder)
    return folder


@pytest.fixture
def server(archives, monkeypatch):
    """A server of them; maps are converted in this process."""
    monkeypatch.setattr(convert, 'ProcessPoolExecutor', lambda workers, context: ThreadPoolExecutor(1))
    monkeypatch.setattr(download, 'WAITS', ())
    with FileServer(archives) as server:
        yield server


@pytest.fixture
def make(server, archives, tmp_path):
    """Prepare data sets below tmp_path/data: make('voc21', keep=True)."""

    small = small_collections(server.url, archives)

    def make(*names, table=small, **options):
        prepare(names, data_root=tmp_path / 'data', collections=table, **options)

    return make


def hashes(folder):
    """Every file by its place, with the checksum of what is in it."""
    files = (path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_all_data_sets(make, server, archives, tmp_path, capsys):
    """Each is what its config reads, with nothing beside that; a second run fetches and writes nothing."""
    make(*PUBLIC, 'cityscapes19', source=str(archives))
    plan, *_ = capsys.readouterr().out.partition('voc21:\n')
    assert 'Cityscapes (cityscapes19). Licence: research only' in plan and 'GB are free' in plan
    for name in (*PUBLIC, 'cityscapes19'):
        inspection = inspect(named_dataset(name, tmp_path / 'data'))
        assert not inspection.faults and len(inspection.good) == IMAGES
    files = hashes(tmp_path / 'data')
    assert not server.requests
    voc = [f'2008_{one:06}' for one in range(IMAGES)]
    assert {name for name in files if name.startswith('VOCdevkit/VOC2012/')} == {
        'VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt',
        *(f'VOCdevkit/VOC2012/JPEGImages/{name}.jpg' for name in voc),
        *(f'VOCdevkit/VOC2012/SegmentationClass/{name}.png' for name in voc),
    }
    assert {name for name in files if '/VOC2010/JPEG' in name} == {f'VOCdevkit/VOC2010/JPEGImages/{n}.jpg' for n in voc}
    ade = {f'ade/{name}' for name in published()['ADEChallengeData2016.zip'] if '/validation/' in name}
    assert {name for name in files if name.startswith('ade/')} == ade
    assert len([name for name in files if name.startswith('cityscapes/') and name.endswith('.png')]) == 3 * IMAGES
    make(*PUBLIC, 'cityscapes19')
    assert hashes(tmp_path / 'data') == files and not server.requests
    assert capsys.readouterr().out.count('already there') == 5


def test_archives_are_removed_or_kept(make, server, tmp_path):
    make('voc21')
    make('ade20k150', keep=True)
    assert sorted(path.name for path in (tmp_path / 'data').iterdir()) == ['VOCdevkit', 'ade', 'archives']
    assert [path.name for path in (tmp_path / 'data/archives').iterdir()] == ['ADEChallengeData2016.zip']
    shutil.rmtree(tmp_path / 'data/ade')
    server.requests.clear()
    make('ade20k150', keep=True)
    make('ade20k150', source=str(tmp_path / 'data/archives'))
    assert not server.requests and (tmp_path / 'data/archives').exists()


def test_what_a_killed_run_left_is_cleaned_up(make, server, tmp_path):
    """Killed after the last map: the download is still there, and the lock."""
    make('voc21')
    undisturbed = hashes(tmp_path)
    (tmp_path / 'data/.archives').mkdir()
    for name in ('VOCtrainval_11-May-2012.tar', 'VOCtrainval_11-May-2012.tar.part'):
        (tmp_path / 'data/.archives' / name).write_bytes(b'left')
    (tmp_path / 'data' / LOCK).touch()
    make('voc21')
    assert hashes(tmp_path) == undisturbed and not (tmp_path / 'data/.archives').exists()


@pytest.mark.parametrize(
    ('names', 'removed', 'fetched'),
    [
        (['coco-object', 'coco-stuff171'], 'coco_stuff164k/annotations', [COCO[1]]),
        (['coco-object', 'coco-stuff171'], 'coco_stuff164k/images', [COCO[0]]),
        (['coco-stuff171'], 'coco_stuff164k/annotations/val2017/000000000001_labelTrainIds.png', []),
        (['context60'], 'VOCdevkit/VOC2010/JPEGImages', ['VOCtrainval_03-May-2010.tar']),
        (['context60'], 'VOCdevkit/VOC2010/SegmentationClassContext/2008_000001.png', ['trainval_merged.json']),
        (['voc21'], 'VOCdevkit/VOC2012/ImageSets', ['VOCtrainval_11-May-2012.tar']),
    ],
)
def test_only_what_is_missing_is_fetched(make, server, tmp_path, names, removed, fetched):
    """A part that is there already is not asked for, and its files are left alone."""
    make(*names)
    undisturbed, path = hashes(tmp_path), tmp_path / 'data' / removed
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob('*.[jp][pn]g')}
    server.requests.clear()
    make(*names)
    assert [name for name, *_ in server.requests] == fetched and hashes(tmp_path) == undisturbed
    assert times and all(file.stat().st_mtime_ns == stamp for file, stamp in times.items())


def test_one_failure_does_not_stop_the_others(make, server, tmp_path, capsys):
    """The first and the last of three fail, each with its own reason; both are named at the end."""
    server.faults['trainval_merged.json'] = ['gone']
    with pytest.raises(UserError) as fault:
        make('context60', 'voc21', 'cityscapes19')
    assert str(fault.value).startswith('Pascal Context (context60); Cityscapes (cityscapes19): not ready')
    captured = capsys.readouterr()
    first, last = captured.err.splitlines()
    assert (
        'trainval_merged.json: cannot be downloaded' in first
        and '404' in first
        and 'published there; pass the folder' in first
    )
    assert 'leftImg8bit_trainvaltest.zip' in last and 'register' in last and '--from' in last
    assert 'voc21:' in captured.out and '3 images' in captured.out
    assert (tmp_path / 'data/VOCdevkit/VOC2012/JPEGImages').is_dir()


def test_a_plan_alone_writes_and_asks_nothing(make, server, tmp_path, capsys):
    make(*PUBLIC, 'cityscapes19', dry_run=True)
    out = capsys.readouterr().out
    assert not server.requests and not list(tmp_path.iterdir())
    for file in (file for name in PUBLIC for file in COLLECTIONS[name].files):
        assert file.name in out
    assert 'to download: 6 files, about 6.3 GB' in out and 'CC BY 4.0' in out
    assert 'gtFine_trainvaltest.zip, 0.2 GB: register at cityscapes-dataset.com' in out


def test_too_few_images_are_no_data_set(make, server, archives, tmp_path, capsys):
    """An archive that lacks some, where no checksum tells."""
    table = small_collections(server.url, archives)
    table['ade20k150'] = replace(table['ade20k150'], images=IMAGES + 1)
    with pytest.raises(UserError, match=r'ADE20K \(ade20k150\): not ready'):
        make('ade20k150', table=table)
    assert '3 images, expected 4' in capsys.readouterr().err


def test_faults_of_the_check_are_faults(make, server, tmp_path, capsys):
    """A file that was there and is damaged is left alone, and named."""
    make('voc21')
    path = tmp_path / 'data/VOCdevkit/VOC2012/SegmentationClass/2008_000001.png'
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match='voc21: not ready'):
        make('voc21')
    captured = capsys.readouterr()
    assert f'error: {path}' in captured.out and f'voc21: 1 errors, the first: {path}' in captured.err
    assert path.stat().st_size == 40


def test_two_runs_at_once(make, tmp_path):
    (tmp_path / 'data').mkdir()
    with locked(tmp_path / 'data'), pytest.raises(UserError, match='another run is writing to this folder'):
        make('voc21')


def test_cityscapes_train_ids():
    """By the owner's list of labels: ids 7, 8, 11 are road, sidewalk, building; 9, 10, 29, 30 and 255 do not count."""
    table = train_ids()
    assert table[[7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]].tolist() == list(range(19))
    assert (table != 255).sum() == 19


def test_a_full_disk(make, server, mounted, capsys, archives, tmp_path):
    """A line a data set that names the file; with room again, the same command ends as an undisturbed one."""
    folder, table = mounted('size=300k'), small_collections(server.url, archives)
    (folder / 'other').write_bytes(bytes(260_000))
    with pytest.raises(UserError, match='not ready'):
        prepare(['voc21', 'ade20k150'], data_root=folder / 'data', collections=table)
    warning, *lines = capsys.readouterr().err.splitlines()
    assert warning.startswith(f'warning: {folder}: not enough disk space')
    assert len(lines) == 2 and all(f'{folder}/data/' in line and 'No space left on device' in line for line in lines)
    (folder / 'other').unlink()
    prepare(['voc21', 'ade20k150'], data_root=folder / 'data', collections=table)
    make('voc21', 'ade20k150')
    assert hashes(folder / 'data') == hashes(tmp_path / 'data')
