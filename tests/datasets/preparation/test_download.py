"""Downloads from a server that misbehaves: whole, checked, and nothing is asked for twice without need."""

import hashlib
import signal
import time

import numpy as np
import pytest
from file_server import FileServer
from processes import forked, free_port

from itaclip_mmseg.datasets.preparation import download
from itaclip_mmseg.datasets.preparation.remote import Fetcher, RemoteFile
from itaclip_mmseg.utils.errors import UserError

NAME, SIZE = 'maps.bin', 3_000_000


@pytest.fixture
def content():
    return np.random.RandomState(0).bytes(SIZE)


@pytest.fixture
def serve(tmp_path, content, monkeypatch):
    """A server of the file, with faults: serve('cut', 'gone')."""
    monkeypatch.setattr(download, 'WAITS', (0, 0))
    (tmp_path / 'served').mkdir()
    (tmp_path / 'served' / NAME).write_bytes(content)
    servers = []

    def start(*faults, delay=0):
        servers.append(FileServer(tmp_path / 'served', {NAME: faults}, delay).__enter__())
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()


def published(*servers, **facts):
    return RemoteFile(NAME, tuple(f'{server.url}/{NAME}' for server in servers), **facts)


def part_of(folder, content):
    """What a killed run left."""
    (folder / '.archives').mkdir(parents=True)
    (folder / '.archives' / f'{NAME}.part').write_bytes(content)


def test_a_download_goes_on_where_a_killed_one_was(serve, tmp_path, content):
    server = serve()
    part_of(tmp_path / 'data', content[:1_234_567])
    path = Fetcher().fetch(published(server, md5=hashlib.md5(content).hexdigest()), tmp_path / 'data')
    assert path.read_bytes() == content and server.of(NAME) == [(1_234_567, 206)]
    assert server.sent == SIZE - 1_234_567
    assert Fetcher().fetch(published(server), tmp_path / 'data') == path and len(server.requests) == 1
    assert [one.name for one in path.parent.iterdir()] == [NAME]


def test_a_process_is_killed(serve, tmp_path, content):
    """kill -9 three times: what has come is not asked for again."""
    server = serve(delay=0.002)
    file, part = published(server), tmp_path / 'data/.archives' / f'{NAME}.part'
    for _ in range(3):
        before = part.stat().st_size if part.exists() else 0
        process = forked(lambda: Fetcher().fetch(file, tmp_path / 'data'))
        while (part.stat().st_size if part.exists() else 0) < before + 400_000 and process.is_alive():
            time.sleep(0.002)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, 'ended before it was killed'
    left = part.stat().st_size
    assert Fetcher().fetch(file, tmp_path / 'data').read_bytes() == content
    assert server.of(NAME)[-1] == (left, 206) and left > 1_000_000


@pytest.mark.parametrize(
    ('faults', 'statuses'),
    [
        (['cut', 'cut'], [200, 206, 206]),
        (['busy', 'busy'], [503, 503, 200]),
        (['cut', 'no range'], [200, 200]),
        (['cut', 'wrong range'], [200, 206, 200]),
        (['cut', 'busy', 'cut'], [200, 503, 206, 206]),
    ],
    ids=range(5),
)
def test_broken_connections_are_taken_up_again(serve, tmp_path, content, faults, statuses):
    """Also with servers that send all whatever is asked for, or another part than that."""
    server = serve(*faults)
    assert Fetcher().fetch(published(server), tmp_path).read_bytes() == content
    assert [status for _, status in server.of(NAME)] == statuses
    begun_anew = {'no range', 'wrong range'} & {*faults}
    assert begun_anew or server.sent < SIZE + 2 * download.PIECE, 'what had come was sent again'


@pytest.mark.parametrize('left', [SIZE, SIZE + 5])
@pytest.mark.parametrize('known', [True, False])
def test_a_part_that_is_whole_or_too_long(serve, tmp_path, content, left, known):
    """Killed between the last byte and the name; or another file was there."""
    server = serve()
    part_of(tmp_path, (content + bytes(5))[:left])
    file = published(server, size=SIZE if known else None)
    assert Fetcher().fetch(file, tmp_path).read_bytes() == content
    statuses = [status for _, status in server.of(NAME)]
    assert statuses == {(SIZE, True): [], (SIZE, False): [416]}.get((left, known), [416, 200])


def test_a_wrong_checksum_is_named_and_fetched_anew(serve, tmp_path, content):
    """File, found and expected; nothing is left, so that the next run begins anew."""
    file = published(serve(), md5='0' * 32)
    with pytest.raises(UserError) as fault:
        Fetcher().fetch(file, tmp_path / 'data')
    found = hashlib.md5(content).hexdigest()
    assert NAME in str(fault.value) and f'md5 {found}, expected {"0" * 32}' in str(fault.value)
    assert '--from' in str(fault.value) and '\n' not in str(fault.value)
    assert list((tmp_path / 'data/.archives').iterdir()) == []


def test_another_size_is_refused_before_it_is_downloaded(serve, tmp_path):
    server = serve()
    with pytest.raises(UserError, match='3,000,000 bytes, expected 815,585,330'):
        Fetcher().fetch(published(server, size=815_585_330), tmp_path)
    assert len(server.requests) == 1


def test_the_next_address_is_asked(serve, tmp_path, content):
    gone, there = serve('gone'), serve()
    assert Fetcher().fetch(published(gone, there), tmp_path).read_bytes() == content
    assert gone.of(NAME) == [(0, 404)]


def test_no_address_has_it(serve, tmp_path):
    """Each is named with its reason, and what to do."""
    gone, busy, port = serve('gone'), serve('busy', 'busy', 'busy'), free_port()
    file = RemoteFile(
        NAME, (*published(gone, busy).addresses, f'http://127.0.0.1:{port}/{NAME}'), remedy='people say it is gone'
    )
    with pytest.raises(UserError) as fault:
        Fetcher().fetch(file, tmp_path)
    for words in (f'{gone.url}/{NAME}: 404 Not Found', '503 Service', 'Connection refused', 'people say it is gone'):
        assert words in str(fault.value)
    assert '\n' not in str(fault.value)


def test_a_page_instead_of_an_archive(tmp_path, serve, content):
    """Where no checksum is published."""
    server = serve()
    (tmp_path / 'served/maps.zip').write_bytes(content)
    server.faults['maps.zip'] = ['page']
    for found in ('26 bytes', '3,000,000 bytes'):
        with pytest.raises(UserError, match=rf'maps.zip.part: not a complete archive \({found}\)'):
            Fetcher().fetch(RemoteFile('maps.zip', (f'{server.url}/maps.zip',)), tmp_path / 'data')


def test_a_full_disk_is_named(serve, mounted, content):
    """What has come is kept, and the download goes on when there is room."""
    folder = mounted('size=2m')
    file = published(server := serve())
    with pytest.raises(OSError, match='No space left on device') as fault:
        Fetcher().fetch(file, folder)
    assert str(fault.value.filename) == str(folder / '.archives' / f'{NAME}.part')
    assert len(server.requests) == 1 and (folder / '.archives' / f'{NAME}.part').stat().st_size > 1_500_000


def test_a_mirror_is_asked_first(serve, tmp_path, content):
    mirror, official = serve(), serve()
    assert Fetcher(f'{mirror.url}/').fetch(published(official), tmp_path).read_bytes() == content
    assert mirror.requests and not official.requests


def test_a_folder_of_copies(serve, tmp_path, content):
    """A copy is read where it is, and checked; what the folder lacks comes from its address."""
    server, fetcher = serve(), Fetcher(str(tmp_path / 'served'))
    good, bad = published(server, md5=hashlib.md5(content).hexdigest()), published(server, md5='0' * 32)
    assert fetcher.fetch(good, tmp_path / 'data') == tmp_path / 'served' / NAME and not server.requests
    with pytest.raises(UserError, match=rf'served/{NAME}: md5 .* expected 0000'):
        fetcher.fetch(bad, tmp_path / 'data')
    (tmp_path / 'empty').mkdir()
    assert Fetcher(str(tmp_path / 'empty')).fetch(good, tmp_path / 'data').read_bytes() == content
    assert (tmp_path / 'served' / NAME).read_bytes() == content
