"""A cache of text embeddings on disk, one entry per text: adding a word to a bank costs only that word."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from filelock import FileLock
from mmengine.logging import MMLogger
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from itaclip_mmseg.utils.resources import cache_dir, written_whole

LOCK_SECONDS = 30
RACY_SECONDS = 2  # a file may change twice within one tick of the clock, so such a recent one is hashed again


class EmbeddingCache:
    """Cached embeddings of one set of weights and templates: a .safetensors file with the texts in its header.

    A damaged or foreign file is ignored. If the file cannot be written, the next run computes the embeddings again.
    """

    def __init__(self, key: str) -> None:
        self.key, self.path = key, cache_dir() / f'text_{key}.safetensors'

    def read(self) -> dict[str, Tensor]:
        """Read all embeddings by text, `width` numbers each."""
        try:
            with safe_open(self.path, 'pt') as file:
                header, embeddings = file.metadata() or {}, file.get_tensor('embeddings')
            texts = json.loads(header['texts'])
            intact = self.checksum(texts, embeddings) == header['checksum'] and len(texts) == len(embeddings)
            return dict(zip(texts, embeddings)) if intact else {}
        except Exception:  # a damaged file can make its reader raise anything, and is ignored
            return {}

    def add(self, embeddings: Mapping[str, Tensor]) -> None:
        """Add embeddings, keeping those that other processes have added meanwhile."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix('.lock'), timeout=LOCK_SECONDS):
                merged = self.read() | dict(embeddings)
                texts, values = list(merged), torch.stack(list(merged.values())).contiguous()
                header = dict(texts=json.dumps(texts), checksum=self.checksum(texts, values))
                with written_whole(self.path) as temporary:
                    save_file({'embeddings': values}, temporary, metadata=header)
        except OSError as error:  # also raised for a lock that is never released
            MMLogger.get_current_instance().info(f'text embeddings could not be cached: {error}')

    def checksum(self, texts: list[str], embeddings: Tensor) -> str:
        """Checksum of the content and the key, so that a renamed file is not accepted."""
        meaning = json.dumps([self.key, texts, str(embeddings.dtype), list(embeddings.shape)])
        return hashlib.sha256(meaning.encode() + embeddings.numpy().tobytes()).hexdigest()


def file_digest(path: Path) -> str:
    """Hash a file's bytes. It takes seconds for large weights, so it is cached by path, size and modification times.

    The change time of the inode is one of them: no tool that copies or renames can set it back.
    """
    index, status = cache_dir() / 'weights.json', path.stat()
    state = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    known = read_index(index)
    match known.get(str(path.resolve())):
        case [list() as earlier, str() as digest] if earlier == state:
            return digest
    hashed = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            hashed.update(block)
    if time.time() - max(status.st_mtime, status.st_ctime) > RACY_SECONDS:
        write_index(index, known | {str(path.resolve()): [state, hashed.hexdigest()]})
    return hashed.hexdigest()


def read_index(path: Path) -> dict:
    """Read the state and hash of files by path; empty if the index is missing or damaged."""
    try:
        index = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return index if isinstance(index, dict) else {}


def write_index(path: Path, index: dict) -> None:
    """Write the index; if two processes write at once, the last wins and the other file is hashed again."""
    try:
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(index), encoding='utf-8')
    except OSError as error:
        MMLogger.get_current_instance().info(f'hashes of weights could not be cached: {error}')
