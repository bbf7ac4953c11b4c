"""Preparing the paper's datasets and methods' weights: downloading, unpacking, converting and checking them."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from itaclip_mmseg.datasets.configs import named_dataset
from itaclip_mmseg.datasets.inspection import inspect
from itaclip_mmseg.datasets.preparation.data import Data, data_of
from itaclip_mmseg.datasets.preparation.download import size_of
from itaclip_mmseg.datasets.preparation.remote import Fetcher, unfinished
from itaclip_mmseg.datasets.preparation.sources import COLLECTIONS, Collection
from itaclip_mmseg.datasets.preparation.weights import Weights, weights_of
from itaclip_mmseg.models.backbones.sources import SOURCES, Source
from itaclip_mmseg.utils.errors import UserError, described
from itaclip_mmseg.utils.locks import LOCK, locked

GIGABYTE = 1e9


def prepare(
    names: Sequence[str],
    methods: Sequence[str] = (),
    data_root: str | Path = 'data',
    source: str | None = None,
    keep: bool = False,
    dry_run: bool = False,
    collections: Mapping[str, Collection] = COLLECTIONS,
    sources: Mapping[str, Source] = SOURCES,
) -> None:
    """Prepare datasets and weights for evaluation; existing files are kept.

    It first prints what it will download. A killed run resumes where it stopped, and an error does not stop the rest.

    Args:
        names: names of datasets, as in configs/_base_/datasets.
        methods: folders in `configs`, whose configs' weights are downloaded.
        data_root: the folder to use as `data`; weights go to the paths in the configs.
        source: a folder or URL with copies of the archives, tried before their own addresses.
        keep: keep downloaded archives, in `archives` below the data root.
        dry_run: stop after printing the plan; nothing is downloaded.
        collections: published files of each dataset.
        sources: published files of weights that no package downloads, by file name.

    Raises:
        UserError: an unknown dataset, method or source; or, at the end, the names of all that failed.
    """
    fetcher = Fetcher(source, keep)
    jobs = [*data_of(names, Path(data_root), collections), *weights_of(methods, sources)]
    if not jobs:
        raise UserError(f'nothing to prepare; give datasets ({", ".join(collections)}), or methods with --weights')
    missing = [job for job in jobs if not job.is_here()]
    print_plan(jobs, missing, fetcher, Path(data_root))
    if dry_run:
        return
    failed = run_jobs(jobs, missing, fetcher)
    ready = [job for job in jobs if isinstance(job, Data) and job.title not in failed]
    failed += [name for job in ready for name in job.names if not attempt(name, check, name, job.folder)]
    if failed:
        raise UserError(f'{"; ".join(failed)}: not ready, see above; fix that and run again, finished parts are kept')


def print_plan(jobs: Sequence[Data | Weights], missing: Sequence[Data | Weights], fetcher: Fetcher, root: Path) -> None:
    """Print what will be downloaded, from where, under which licence, and the disk space it needs."""
    total, number = 0.0, 0
    for job in jobs:
        if job not in missing:
            print(f'{job.title}: already there')
            continue
        print(f'{job.title}. Licence: {job.licence}')
        for file in job.files:
            place, addresses = fetcher.given(file) or fetcher.place(file, job.folder), fetcher.addresses(file)
            where = f'found in {place}' if place.is_file() else next(iter(addresses), file.remedy)
            absent = fetcher.source and not fetcher.is_mirror and not fetcher.given(file)
            print(f'  {file.name}, {about(file.gigabytes)}: {f"not in {fetcher.source}; " if absent else ""}{where}')
            if addresses and not place.is_file():
                number, total = number + 1, total + (file.gigabytes or 0) - size_of(unfinished(place)) / GIGABYTE
    existing = next(folder for folder in (root, *root.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free / GIGABYTE
    print(
        f'to download: {number} files, about {max(total, 0):.1f} GB; {free:.1f} GB are free in {existing}', flush=True
    )
    if total > free:
        print(f'warning: {existing}: not enough disk space; free some, or give fewer datasets', file=sys.stderr)


def about(gigabytes: float | None) -> str:
    """A readable size."""
    if gigabytes is None:
        return 'size unknown'
    return f'{gigabytes:.2g} GB' if gigabytes >= 0.01 else 'under 10 MB'


def run_jobs(jobs: Sequence[Data | Weights], missing: Sequence[Data | Weights], fetcher: Fetcher) -> list[str]:
    """Run the jobs that are not done, with their folders locked; returns the titles of those that failed."""
    failed = []
    with ExitStack() as stack:
        # A killed run leaves its lock; such a folder is locked and cleaned even if nothing is missing.
        for folder in dict.fromkeys(job.folder for job in jobs if job in missing or (job.folder / LOCK).exists()):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder))
        for job in jobs:
            if job in missing and not attempt(job.title, job.make, fetcher):
                failed.append(job.title)
            else:
                job.clean(fetcher)
    return failed


def attempt(name: str, action: Callable[..., None], *given: object) -> bool:
    """Run an action and return whether it succeeded; print the error if not."""
    try:
        action(*given)
        return True
    except (UserError, OSError) as error:
        print(f'error: {name}: {described(error)}', file=sys.stderr)
        return False


def check(name: str, folder: Path) -> None:
    """Check a whole dataset and print the report of tools/check_dataset.py; a `UserError` if it has errors."""
    inspection = inspect(named_dataset(name, folder))
    print(f'{name}:', *inspection.lines(), sep='\n')
    if inspection.faults:
        raise UserError(f'{len(inspection.faults)} errors, the first: {inspection.faults[0]}')
