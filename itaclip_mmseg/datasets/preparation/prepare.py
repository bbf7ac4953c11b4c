"""The paper's data sets and methods' weights: what is missing, fetched, unpacked, converted and checked."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from itaclip_mmseg.datasets.checks import named_dataset
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
    """Make data sets and weights ready for evaluation; what is there already is left alone.

    Says first what it will fetch. A killed run goes on where it was. What fails does not stop the rest.

    Args:
        names: of data sets, as in configs/_base_/datasets.
        methods: folders in `configs`; the weights that their configs name are fetched.
        data_root: the folder that stands for `data`; weights go where the configs name them.
        source: a folder or the address of one with copies of the archives, asked before their own addresses.
        keep: keep downloaded archives, in `archives` below the data root.
        dry_run: stop after the plan; nothing is downloaded.
        collections: where each data set is from.
        sources: where weights that no package downloads are from, by the end of their path.

    Raises:
        UserError: no such data set, method or source; or at the end, with the names of all that are not ready.
    """
    fetcher = Fetcher(source, keep)
    jobs = [*data_of(names, Path(data_root), collections), *weights_of(methods, sources)]
    if not jobs:
        raise UserError(f'nothing to prepare; name data sets ({", ".join(collections)}), or methods by --weights')
    missing = [job for job in jobs if not job.is_here()]
    print_plan(jobs, missing, fetcher, Path(data_root))
    if dry_run:
        return
    failed = run_jobs(jobs, missing, fetcher)
    ready = [job for job in jobs if isinstance(job, Data) and job.title not in failed]
    failed += [name for job in ready for name in job.names if not attempt(name, check, name, job.folder)]
    if failed:
        raise UserError(f'{"; ".join(failed)}: not ready, see above; mend that and run again, what is done is kept')


def print_plan(jobs: Sequence[Data | Weights], missing: Sequence[Data | Weights], fetcher: Fetcher, root: Path) -> None:
    """What will be fetched from where, under which licence, and the room for it."""
    total, number = 0.0, 0
    for job in jobs:
        if job not in missing:
            print(f'{job.title}: already there, left alone')
            continue
        print(f'{job.title}. Licence: {job.licence}')
        for file in job.files:
            place, addresses = fetcher.given(file) or fetcher.place(file, job.folder), fetcher.addresses(file)
            where = f'here, {place}' if place.is_file() else next(iter(addresses), file.remedy)
            print(f'  {file.name}, {about(file.gigabytes)}: {where}')
            if addresses and not place.is_file():
                number, total = number + 1, total + (file.gigabytes or 0) - size_of(unfinished(place)) / GIGABYTE
    existing = next(folder for folder in (root, *root.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free / GIGABYTE
    print(f'to fetch: {number} files, about {max(total, 0):.1f} GB; {free:.1f} GB are free in {existing}', flush=True)
    if total > free:
        print(f'warning: {existing}: too little room for all; give it more, or name fewer data sets', file=sys.stderr)


def about(gigabytes: float | None) -> str:
    """A size for people."""
    if gigabytes is None:
        return 'size unknown'
    return f'{gigabytes:.2g} GB' if gigabytes >= 0.01 else 'under 10 MB'


def run_jobs(jobs: Sequence[Data | Weights], missing: Sequence[Data | Weights], fetcher: Fetcher) -> list[str]:
    """Do what is missing, while no other run does; titles of those that failed."""
    failed = []
    with ExitStack() as stack:
        # A run that was killed left its lock, so that also a folder with nothing missing is held and cleaned.
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
    """Does an action succeed? If not, its reason is printed."""
    try:
        action(*given)
        return True
    except (UserError, OSError) as error:
        print(f'error: {name}: {described(error)}', file=sys.stderr)
        return False


def check(name: str, folder: Path) -> None:
    """Read a whole data set and print what tools/check_dataset.py does; a `UserError` if something is wrong."""
    inspection = inspect(named_dataset(name, folder))
    print(f'{name}:', *inspection.lines(), sep='\n')
    if inspection.faults:
        raise UserError(f'{len(inspection.faults)} faults, the first: {inspection.faults[0]}')
