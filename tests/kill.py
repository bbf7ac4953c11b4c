"""Kill every tool at random moments, start it again, and hold what it leaves against an undisturbed run.

python tests/kill.py --rounds 20
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from chat_server import ChatServer
from PIL import Image

from itaclip_mmseg.scenes.dataset import write_scenes
from itaclip_mmseg.text.bank import load_bank

REPO = Path(__file__).parents[1]
CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
# What tells of a run rather than of its results: MMEngine's logs and its copy of the config, which names folders.
LOGS = ('*/20*_*/*', '*.log', '*/itaclip_tiny_scenes.py')
RUN_KEY = re.compile(rb'"run_key": "[0-9a-f]+"')
KILLS = 3  # a round
IN_FLIGHT = 2  # images, maps or requests at a time


@dataclass(frozen=True)
class Job:
    """A tool at work.

    Attributes:
        command: its arguments; `{out}` is the folder that it writes into.
        asked: how often each thing was done for it, where that can be seen.
    """

    name: str
    command: tuple[str, ...]
    asked: Callable[[], int] | None = None


def jobs(data: Path, chat: ChatServer) -> list[Job]:
    """All tools, on data that takes seconds."""
    test = ('--cfg-options', f'test_dataloader.dataset.data_root={data}/scenes', 'test_dataloader.num_workers=0')
    test += ('test_dataloader.persistent_workers=False', 'test_dataloader.dataset.pipeline.1.scale=(512,128)')
    reproduced = ('2', '--datasets', 'scenes', '--data-root', str(data), '--work-dir', '{out}/work')
    grid = ('--lambda', '0.2', '0.7', '--set', 'logit_scale=40,60')
    words = (f'{data}/words.txt', '{out}/bank.json', '--base-url', chat.url, '--model', 'm', '--workers', '2')
    folder = 'tools/dataset_converters'
    maps, one = ('--out', '{out}/maps'), ('--workers', '1')
    colours = (f'{folder}/colours_to_labels.py', f'{data}/colours.json', '--pictures', f'{data}/raw')
    return [
        Job('test', ('tools/test.py', CONFIG, '--work-dir', '{out}/work', '--out', '{out}/labels', *test)),
        Job('sweep', ('tools/sweep.py', CONFIG, '--work-dir', '{out}/work', *grid, *test)),
        Job('reproduce', ('tools/reproduce.py', *reproduced, test[0], *test[2:])),
        Job('generate_text_bank', ('tools/generate_text_bank.py', *words), lambda: chat.counts().total()),
        Job('make_scenes', (f'{folder}/make_scenes.py', '--out', '{out}/scenes', '--num-images', '12')),
        Job('coco_object', (f'{folder}/coco_object.py', f'{data}/coco.json', *maps, *one)),
        Job('pascal_context', (f'{folder}/pascal_context.py', f'{data}/context.json', '--root', '{out}', *one)),
        Job('colours_to_labels', (*colours, *maps, '--workers', '2')),
        Job('coco_stuff164k', (f'{folder}/coco_stuff164k.py', '{out}', *one)),
    ]


def write_data(data: Path, images: int = 6, maps: int = 400) -> dict[tuple[str, str], str]:
    """What the tools read; the language model's answers."""
    write_scenes(data / 'scenes', num_images=images)
    (data / 'raw').mkdir()
    for one in range(maps):
        Image.fromarray(np.full((60, 80), one % 90, np.uint8)).save(data / f'raw/{one:04}.png')
    (data / 'colours.json').write_text(
        json.dumps({f'#{value:02x}{value:02x}{value:02x}': value for value in range(90)})
    )
    pictures = [
        dict(id=one, image_id=one, file_name=f'{one}.jpg', height=60, width=80, phase='val') for one in range(maps)
    ]
    segments = [dict(image_id=one, category_id=2, segmentation=[[1, 1, 9, 1, 9, 9]], area=32) for one in range(maps)]
    (data / 'coco.json').write_text(json.dumps(dict(images=pictures, annotations=segments)))
    (data / 'context.json').write_text(json.dumps(dict(images=pictures, annos_segmentation=segments)))
    bank = load_bank(REPO / 'data/text_bank/ade20k150.json')
    described = bank.classes[:60]
    (data / 'words.txt').write_text('\n'.join(entry.words[0] for entry in described))
    return {(kind, entry.words[0]): getattr(entry, kind) for kind in ('definition', 'synonym') for entry in described}


def prepared(job: Job, data: Path, out: Path) -> Path:
    """A new folder for a job; one converter writes beside its input."""
    out.mkdir(parents=True)
    if job.name == 'coco_stuff164k':
        (out / 'annotations/val2017').mkdir(parents=True)
        for path in (data / 'raw').iterdir():
            (out / 'annotations/val2017' / path.name).write_bytes(path.read_bytes())
    return out


def start(job: Job, out: Path) -> subprocess.Popen:
    """Start it in a group of its own, so that its helpers die with it."""
    command = [sys.executable, *(part.replace('{out}', str(out)) for part in job.command)]
    paths = dict(PYTHONPATH=str(REPO), OMP_NUM_THREADS='1', OPENAI_API_KEY='none')
    return subprocess.Popen(
        command,
        cwd=REPO,
        env=os.environ | paths,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finish(job: Job, out: Path) -> float:
    """Run it to its end; seconds.

    Raises:
        RuntimeError: it failed.
    """
    begin, process = time.monotonic(), start(job, out)
    output = process.communicate()[0].decode()
    if process.returncode:
        raise RuntimeError(f'{job.name}: exit code {process.returncode}\n{output[-3000:]}')
    return time.monotonic() - begin


def kill(job: Job, out: Path, seconds: float) -> bool:
    """Start it and kill it, with its helpers, after some seconds; was it at work then?"""
    process = start(job, out)
    try:
        process.communicate(timeout=seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True


def contents(out: Path) -> dict[str, bytes | dict]:
    """Every file that a run left, hidden ones too, but for logs; without the folders it names, and the hash of them."""
    files = {}
    for path in sorted(path for path in out.rglob('*') if path.is_file()):
        if not any(path.match(pattern) for pattern in LOGS):
            text = path.read_bytes().replace(bytes(out), b'OUT')
            files[str(path.relative_to(out))] = RUN_KEY.sub(b'', text)
    return files


def differences(left: dict, right: dict) -> list[str]:
    """Names of files that only one side has, or that differ."""
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def stamps(out: Path) -> dict[Path, int]:
    """When each picture of a data set, or map of a photograph, was written."""
    pictures = [path for path in out.rglob('[!.]*.*') if path.suffix in ('.jpg', '.png') and path.parent.name != 'work']
    return {path: path.stat().st_mtime_ns for path in pictures}


def disturbed(job: Job, out: Path, seconds: float, random: Random) -> tuple[int, int]:
    """A run that is killed some times and then left alone: how many kills met it, and what was written twice."""
    met, twice, seen = 0, 0, stamps(out)
    for attempt in range(KILLS + 1):
        if attempt < KILLS:
            met += kill(job, out, random.uniform(0.3, 1) * seconds)
        elif not (out / 'bank.json').exists():  # a finished bank is not written over
            finish(job, out)
        now = stamps(out)
        twice += sum(now.get(path) != stamp for path, stamp in seen.items())
        seen = now
        if met <= attempt < KILLS:  # at its end already
            break
    return met, twice


def torture(job: Job, data: Path, folder: Path, rounds: int, random: Random) -> list[str]:
    """Faults of a job, a line each."""
    asked = job.asked or (lambda: 0)
    first, faults, met = asked(), [], 0
    seconds = finish(job, prepared(job, data, folder / 'undisturbed'))
    needed, expected = asked() - first, contents(folder / 'undisturbed')
    for one in range(rounds):
        first, out = asked(), prepared(job, data, folder / f'round{one}')
        kills, twice = disturbed(job, out, seconds, random)
        met, twice = met + kills, twice + max(asked() - first - needed, 0)
        different = differences(contents(out), expected)
        faults += [f'{job.name}, round {one}: {name} differs' for name in different]
        if twice > IN_FLIGHT * kills:
            faults.append(f'{job.name}, round {one}: {twice} things were done twice, with {kills} kills')
    print(
        f'{job.name}: {rounds} rounds, {met} kills, {len(expected)} files, {len(faults)} faults',
        *faults,
        sep='\n  ',
        flush=True,
    )
    assert expected, 'nothing was written'
    return faults


@contextmanager
def setting(images: int = 6) -> Iterator[tuple[Path, Path, list[Job]]]:
    """Data, a folder for the runs, and the jobs."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / 'data'
        answers = write_data(data, images)
        with ChatServer(answers, delay=0.05) as chat:
            yield data, Path(folder), jobs(data, chat)


def main() -> None:
    """Print a line a job, then the faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('jobs', nargs='*', help='names (default: all)')
    parser.add_argument('--rounds', type=int, default=20, help=f'of {KILLS} kills each (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    faults, random = [], Random(args.seed)
    with setting() as (data, folder, found):
        for job in found:
            if not args.jobs or job.name in args.jobs:
                faults += torture(job, data, folder / job.name, args.rounds, random)
    sys.exit(bool(faults))


if __name__ == '__main__':
    main()
