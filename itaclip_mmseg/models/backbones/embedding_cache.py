"""Text embeddings kept between runs, a text at a time: a new word of a bank costs that word."""

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
RACY_SECONDS = 2  # a file may change again within a tick of its clock, so one that young is hashed anew


class EmbeddingCache:
    """The embeddings of one set of weights and templates, a .safetensors file with the texts in its header.

    A damaged or foreign file is as none; one that cannot be written costs the next run its time, and nothing else.
    """

    def __init__(self, key: str) -> None:
        self.key, self.path = key, cache_dir() / f'text_{key}.safetensors'

    def read(self) -> dict[str, Tensor]:
        """All embeddings by text, width each."""
        try:
            with safe_open(self.path, 'pt') as file:
                header, embeddings = file.metadata() or {}, file.get_tensor('embeddings')
            texts = json.loads(header['texts'])
            intact = self.checksum(texts, embeddings) == header['checksum'] and len(texts) == len(embeddings)
            return dict(zip(texts, embeddings)) if intact else {}
        except Exception:  # whatever a damaged file makes of its reader: it costs time, and nothing else
            return {}

    def add(self, embeddings: Mapping[str, Tensor]) -> None:
        """Keep more embeddings, beside those that other processes have added meanwhile."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix('.lock'), timeout=LOCK_SECONDS):
                merged = self.read() | dict(embeddings)
                texts, values = list(merged), torch.stack(list(merged.values())).contiguous()
                header = dict(texts=json.dumps(texts), checksum=self.checksum(texts, values))
                with written_whole(self.path) as temporary:
                    save_file({'embeddings': values}, temporary, metadata=header)
        except OSError as error:  # a lock that is never freed is one too
            MMLogger.get_current_instance().info(f'text embeddings are not kept for the next run: {error}')

    def checksum(self, texts: list[str], embeddings: Tensor) -> str:
        """Of all that decides what the file means: its key too, so that no file counts under another's name."""
        meaning = json.dumps([self.key, texts, str(embeddings.dtype), list(embeddings.shape)])
        return hashlib.sha256(meaning.encode() + embeddings.numpy().tobytes()).hexdigest()


def file_digest(path: Path) -> str:
    """Hash of a file's bytes; seconds for large weights, so kept by place, size and times of last change.

    The time of last change of the inode is among them: no copying or renaming tool can set it back.
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
    """State and hash of files by their paths; empty where there is none or it is damaged."""
    try:
        index = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return index if isinstance(index, dict) else {}


def write_index(path: Path, index: dict) -> None:
    """The inverse; of two processes at once the last wins, and the other's file is hashed once more."""
    try:
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(index), encoding='utf-8')
    except OSError as error:
        MMLogger.get_current_instance().info(f'hashes of weights are not kept for the next run: {error}')
