"""Shared code of the converters: writing many label maps in parallel and keeping those that are up to date."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.datasets.preparation.record import Record
from itaclip_mmseg.utils.checks import check
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import remove_unfinished, written_whole

FEW = 32  # maps that take less time than starting more processes


class Item(NamedTuple):
    """A file to write.

    Attributes:
        target: path of the file.
        made_of: a hash of everything it depends on, except the converter.
        arguments: input of the job.
    """

    target: Path
    made_of: str
    arguments: object


class Conversion(NamedTuple):
    """The result of a run."""

    folder: Path
    kept: int
    made: int
    left_over: list[str]
    kind: str

    def __str__(self) -> str:
        return f'{self.folder}: {self.kept + self.made} {self.kind}, {self.kept} kept, {self.made} written'

    def report(self) -> None:
        """Print the result, and warn about maps of earlier runs that no longer have an input."""
        print(self)
        if self.left_over:
            print(
                f'warning: {self.folder / self.left_over[0]}: from an earlier run, has no input in this one '
                f'({len(self.left_over)} such maps); remove what you do not need',
                file=sys.stderr,
            )


def convert_all(
    job: Callable[[Item], None],
    items: Sequence[Item],
    record: Record,
    inputs: Iterable[str | os.PathLike],
    workers: int | None = None,
    texts: Mapping[Path, str] | None = None,
    replace: bool = False,
    kind: str = 'label maps',
) -> Conversion:
    """Run a job on all items whose file is missing or outdated, with progress.

    Args:
        job: writes an item's target; see `written_whole`.
        record: record of the folder of all targets.
        inputs: all files that the converter reads.
        workers: number of processes; None for one per core.
        texts: contents of small files beside the maps, by path.
        replace: replace existing files that no converter wrote; by default they raise an error.
        kind: name of the files in messages.

    Raises:
        UserError: see `check_outputs` and `Record.check_known`; or an error of a job.
    """
    check(workers is None or workers > 0, '--workers', workers, 'whole numbers from 1')
    texts = texts or {}
    files = {item.target: item.made_of for item in items} | texts
    check_outputs(map(Output, (*(item.target for item in items), *texts, record.path)), inputs)
    if not replace:
        record.check_known(files)
    remove_unfinished([*files, record.path])
    left_over = record.left_over(files)
    record.renew(files)
    for path, text in texts.items():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding='utf-8')
    missing = [item for item in items if not item.target.exists()]
    kept = len(items) - len(missing)
    with ProgressBar(kind, len(items), kept) as bar:
        for _ in run_all(job, missing, workers):
            bar.advance()
    return Conversion(record.folder, kept, len(missing), left_over, kind)


def run_all(job: Callable[[Item], None], items: Sequence[Item], workers: int | None) -> Iterable[None]:
    """Run a job on items, in this process if there are few or `workers` is 1."""
    if workers == 1 or (workers is None and len(items) <= FEW):
        yield from map(job, items)
        return
    with ProcessPoolExecutor(workers, get_context('spawn')) as pool:
        yield from pool.map(job, items, chunksize=8)
