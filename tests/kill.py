"""Kill every tool at random moments, start it again, and hold what it leaves against an undisturbed run.

The undisturbed run has an interpreter of its own. The killed ones are forked off this process, which has imported all
that they need: a start takes no time, so that every kill meets work, and twenty rounds of a tool take minutes.

OMP_NUM_THREADS=1 python tests/kill.py --rounds 20
"""

import argparse
import gc
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import matplotlib.pyplot  # noqa: F401
import numpy as np
import openai  # noqa: F401  # before a fork, and not after each
from chat_server import ChatServer
from file_server import FileServer
from mmengine.config import config
from PIL import Image
from published import write_archives

import itaclip_mmseg.studies.reproduce
import itaclip_mmseg.studies.sweep  # noqa: F401
from itaclip_mmseg.datasets.preparation import convert
from itaclip_mmseg.scenes.dataset import write_scenes
from itaclip_mmseg.text.bank import load_bank

REPO = Path(__file__).parents[1]
CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
# What tells of a run rather than of its results: MMEngine's logs and its copy of the config, which names folders.
LOGS = ('*/20*_*/*', '*.log', '*/itaclip_tiny_scenes.py')
RUN_KEY = re.compile(rb'"run_key": "[0-9a-f]+"')
KILLS = 3  # a round
IN_FLIGHT = 2  # images, maps, requests or megabytes at a time
PREPARED, MEGABYTE = 20, 1 << 20  # images of each published data set; bytes


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


def jobs(data: Path, chat: ChatServer, files: FileServer) -> list[Job]:
    """All tools, on data that takes seconds."""
    test = ('--cfg-options', f'test_dataloader.dataset.data_root={data}/scenes', 'test_dataloader.num_workers=0')
    test += ('test_dataloader.persistent_workers=False', 'test_dataloader.dataset.pipeline.1.scale=(160,112)')
    reproduced = ('2', '--datasets', 'scenes', '--data-root', str(data), '--work-dir', '{out}/work')
    grid = ('--lambda', '0.2', '0.7', '--set', 'logit_scale=40,60')
    words = (f'{data}/words.txt', '{out}/bank.json', '--base-url', chat.url, '--model', 'm', '--workers', '2')
    folder = 'tools/dataset_converters'
    maps, one = ('--out', '{out}/maps'), ('--workers', '1')
    prepared = ('{out}/data', files.url, f'{data}/archives', str(PREPARED), 'voc21', 'context60', 'coco-object')
    colours = (f'{folder}/colours_to_labels.py', f'{data}/colours.json', '--pictures', f'{data}/raw')
    annotated = (f'{folder}/annotations_to_labels.py', f'{data}/coco.json', '--images', f'{data}/raw')
    return [
        Job('test', ('tools/test.py', CONFIG, '--work-dir', '{out}/work', '--out', '{out}/labels', *test)),
        Job('sweep', ('tools/sweep.py', CONFIG, '--work-dir', '{out}/work', *grid, *test)),
        Job('reproduce', ('tools/reproduce.py', *reproduced, *test[:1], 'model.test_cfg.stride=(112,112)', *test[2:])),
        Job('generate_text_bank', ('tools/generate_text_bank.py', *words), lambda: chat.counts().total()),
        Job('make_scenes', (f'{folder}/make_scenes.py', '--out', '{out}/scenes', '--num-images', '12')),
        Job('coco_object', (f'{folder}/coco_object.py', f'{data}/coco.json', *maps, *one)),
        Job('pascal_context', (f'{folder}/pascal_context.py', f'{data}/context.json', '--root', '{out}', *one)),
        Job('colours_to_labels', (*colours, *maps, '--workers', '2')),
        Job('annotations_to_labels', (*annotated, *maps, '--workers', '2')),
        Job('prepare_data', ('tests/published.py', *prepared), lambda: files.sent // MEGABYTE),
        Job('coco_stuff164k', (f'{folder}/coco_stuff164k.py', '{out}', *one)),
    ]


def write_data(data: Path, images: int = 6, maps: int = 400) -> dict[tuple[str, str], str]:
    """What the tools read; the language model's answers."""
    write_scenes(data / 'scenes', num_images=images)
    for path in (data / 'scenes').rglob('*.[jp][pn]g'):
        with Image.open(path) as picture:
            picture.resize((80, 60), Image.Resampling.NEAREST).save(path)
    (data / 'raw').mkdir()
    for one in range(maps):
        Image.fromarray(np.full((60, 80), one % 90, np.uint8)).save(data / f'raw/{one:04}.png')
    (data / 'colours.json').write_text(
        json.dumps({f'#{value:02x}{value:02x}{value:02x}': value for value in range(90)})
    )
    pictures = [
        dict(id=one, image_id=one, file_name=f'{one:04}.png', height=60, width=80, phase='val') for one in range(maps)
    ]
    segments = [dict(image_id=one, category_id=2, segmentation=[[1, 1, 9, 1, 9, 9]], area=32) for one in range(maps)]
    categories = [dict(id=2, name='bicycle')]
    (data / 'coco.json').write_text(json.dumps(dict(images=pictures, annotations=segments, categories=categories)))
    (data / 'context.json').write_text(json.dumps(dict(images=pictures, annos_segmentation=segments)))
    write_archives(data / 'archives', PREPARED, padding=2 * MEGABYTE)
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


def arguments(job: Job, out: Path) -> list[str]:
    """The command, for a folder."""
    return [part.replace('{out}', str(out)) for part in job.command]


def finish_alone(job: Job, out: Path) -> None:
    """Run it to its end in an interpreter of its own, whose sets have another order.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, *arguments(job, out)]
    environment = os.environ | dict(PYTHONPATH=str(REPO), OMP_NUM_THREADS='1', OPENAI_API_KEY='none')
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'{job.name}: exit code {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}')


class Start:
    """A job at work in a process that was forked off this one.

    Args:
        job: whose command.
        out: its folder; what it prints is kept beside it.
        log: the suffix of that.
    """

    def __init__(self, job: Job, out: Path, log: str = '.log') -> None:
        self.log, context = out.with_suffix(log), get_context('fork')
        self.alive, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=work, args=(arguments(job, out), self.log, sender))
        self.process.start()
        sender.close()
        self.alive.recv()  # it begins

    def kill(self) -> None:
        """Kill it with its helpers, and wait until the last of them is gone."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()
        with suppress(EOFError):
            self.alive.recv()


def work(command: list[str], log: Path, alive: Connection) -> None:
    """What the process does: it leads a group, so that its helpers, forked too, die with it."""
    os.setsid()
    os.chdir(REPO)
    with open(log, 'w') as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout, sys.stderr = os.fdopen(1, 'w'), os.fdopen(2, 'w')
    os.environ['OPENAI_API_KEY'] = 'none'
    convert.get_context = lambda method: get_context('fork')
    config.FormatCode = lambda text, **_: (text, True)  # laying out the copy of a config takes a third of a run
    gc.freeze()  # MMEngine collects garbage for each data set, and here lies what all tools import
    sys.argv = command
    alive.send('ready')
    runpy.run_path(command[0], run_name='__main__')


def finish(job: Job, out: Path) -> float:
    """Run it to its end; seconds.

    Raises:
        RuntimeError: it failed.
    """
    started, begin = Start(job, out), time.monotonic()
    started.process.join()
    if started.process.exitcode:
        raise RuntimeError(f'{job.name}: exit code {started.process.exitcode}\n{started.log.read_text()[-3000:]}')
    return time.monotonic() - begin


def kill(job: Job, out: Path, seconds: float) -> bool:
    """Start it and kill it, with its helpers, after some seconds; was it at work then?

    Raises:
        RuntimeError: it failed before.
    """
    started = Start(job, out)
    started.process.join(seconds)
    if started.process.is_alive():
        started.kill()
        return True
    if started.process.exitcode:
        raise RuntimeError(f'{job.name}: exit code {started.process.exitcode}\n{started.log.read_text()[-3000:]}')
    return False


def contents(out: Path) -> dict[str, bytes]:
    """Every file that a run left, hidden ones too, but for logs; without the folders it names, and the hash of them."""
    files = {}
    for path in sorted(path for path in out.rglob('*') if path.is_file()):
        if not any(path.match(pattern) for pattern in LOGS):
            text = path.read_bytes().replace(bytes(out), b'OUT')
            files[str(path.relative_to(out))] = RUN_KEY.sub(b'', text)
    return files


def digest(files: dict[str, bytes]) -> str:
    """The first digits of a checksum of names and contents."""
    parts = (part for name, content in sorted(files.items()) for part in (name.encode(), b'\0', content, b'\0'))
    return sha256(b''.join(parts)).hexdigest()[:16]


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
        if (out / 'bank.json').exists():  # a finished bank is not written over
            break
        ended = (out / 'work/results.json').exists() and not any((out / 'work').glob('.journal*'))
        if attempt < KILLS:
            met += kill(job, out, random.uniform(0, seconds))
        else:
            finish(job, out)
        now = stamps(out)
        if not ended:  # a finished test is begun anew
            twice += sum(now.get(path) != stamp for path, stamp in seen.items())
        seen = now
        if met <= attempt < KILLS:  # at its end already
            break
    return met, twice


def together(job: Job, out: Path, expected: dict) -> list[str]:
    """Faults of two runs at the same time in one folder: one may be refused in a line, and nothing else may differ."""
    both = [Start(job, out, log) for log in ('.one', '.two')]
    for started in both:
        started.process.join()
    texts = [started.log.read_text() for started in both]
    codes = sorted(started.process.exitcode for started in both)
    faults = [f'{job.name}, two at once: {name} differs' for name in differences(contents(out), expected)]
    if codes not in ([0, 0], [0, 1]) or any('Traceback' in text for text in texts):
        faults.append(f'{job.name}, two at once: exit codes {codes}; ' + ' | '.join(text[-300:] for text in texts))
    return faults


def torture(job: Job, data: Path, folder: Path, rounds: int, random: Random, alone: bool = True) -> list[str]:
    """Faults of a job, a line each; `alone`: whether one run has an interpreter of its own, which takes its time."""
    asked, faults, met, begin = job.asked or (lambda: 0), [], 0, time.monotonic()
    if alone:
        finish_alone(job, prepared(job, data, folder / 'alone'))
    first = asked()
    seconds = finish(job, prepared(job, data, folder / 'undisturbed'))
    needed, expected = asked() - first, contents(folder / 'undisturbed')
    if alone:
        faults += [f'{job.name}, alone: {name}' for name in differences(contents(folder / 'alone'), expected)]
    faults += together(job, prepared(job, data, folder / 'together'), expected)
    for one in range(rounds):
        first, out = asked(), prepared(job, data, folder / f'round{one}')
        kills, twice = disturbed(job, out, seconds, random)
        met, twice = met + kills, twice + max(asked() - first - needed, 0)
        different = differences(contents(out), expected)
        faults += [f'{job.name}, round {one}: {name} differs' for name in different]
        if twice > IN_FLIGHT * kills:
            faults.append(f'{job.name}, round {one}: {twice} things were done twice, with {kills} kills')
    print(
        f'{job.name}: {rounds} rounds, {met} kills, {len(expected)} files ({digest(expected)}), {len(faults)} faults, '
        f'{time.monotonic() - begin:.0f} s, {seconds:.1f} s a run',
        *faults,
        sep='\n  ',
        flush=True,
    )
    assert expected and (met or not rounds), 'nothing was written, or nothing killed'
    return faults


@contextmanager
def setting(images: int = 6, maps: int = 400) -> Iterator[tuple[Path, Path, list[Job]]]:
    """Data, a folder for the runs, and the jobs."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / 'data'
        answers = write_data(data, images, maps)
        with ChatServer(answers, delay=0.05) as chat, FileServer(data / 'archives', delay=0.003) as files:
            yield data, Path(folder), jobs(data, chat, files)


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
