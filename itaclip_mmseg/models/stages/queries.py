"""The queries of one or many settings as rows of one table of text embeddings (section 3.3)."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.text.bank import TextBank

Placed = TypeVar('Placed')


class Rows(NamedTuple):
    """Queries as rows of the table.

    Attributes:
        words: row of each query word, Q.
        auxiliary: row of the auxiliary text of its class, Q; for background words, which have none, the word's own row,
            so that mixing does not change them. None without auxiliary texts.
        classes: class of each query, Q; always on the CPU, so that reading it does not synchronise a GPU.
    """

    words: Tensor
    auxiliary: Tensor | None
    classes: Tensor

    def to(self, device: torch.device) -> 'Rows':
        """Move all but `classes` to a device."""
        auxiliary = None if self.auxiliary is None else self.auxiliary.to(device)
        return Rows(self.words.to(device), auxiliary, self.classes)


class TextTable(nn.Module):
    """Embeddings of all texts that the settings need, and the rows that each of them uses.

    A query is (1 - alpha) * word + alpha * auxiliary, not renormalised (paper, equation 8). This is linear, so values
    computed per text can be mixed with any alpha afterwards.

    Attributes:
        embeddings: unit length, T x width.
    """

    def __init__(self, bank: TextBank, settings: Iterable[Settings], encoder: TextEncoder) -> None:
        super().__init__()
        row: dict[str, int] = {}
        self.kinds: dict[tuple, Rows] = {}
        self.placed: dict[tuple, object] = {}  # tensors on a device, so that each is moved once
        for one in settings:
            if self.kind(one) not in self.kinds:
                self.kinds[self.kind(one)] = place_rows(bank, *self.kind(one), row)
        self.word_rows = place_rows(bank, None, True, row)
        self.register_buffer('embeddings', encoder.encode(list(row)), persistent=False)

    @staticmethod
    def kind(settings: Settings) -> tuple[str | None, bool]:
        """Key of the settings that decide which texts are needed."""
        return settings.auxiliary, settings.background_set

    def rows(self, settings: Settings) -> Rows:
        """Queries of these settings; rows are on the embeddings' device."""
        return self.on_device(self.kind(settings), lambda device: self.kinds[self.kind(settings)].to(device))

    def together(self, settings: Sequence[Settings]) -> tuple[Tensor, list[Rows]]:
        """All rows that several settings need, sorted, and the queries of each as indices into them."""
        kinds = tuple(self.kind(one) for one in settings)

        def place(device: torch.device) -> tuple[Tensor, list[Rows]]:
            rows = [self.kinds[kind] for kind in kinds]
            used = all_rows(rows)
            return used.to(device), [renumbered(one, used).to(device) for one in rows]

        return self.on_device(('together', *kinds), place)

    def on_device(self, key: tuple, place: Callable[[torch.device], Placed]) -> Placed:
        """Result of `place` on the embeddings' device, cached by key."""
        device = self.embeddings.device
        if (key, device) not in self.placed:
            self.placed[key, device] = place(device)
        return self.placed[key, device]

    @property
    def words(self) -> Tensor:
        """Embeddings of the bank's query words only, for any settings, Q x width."""
        return self.embeddings[self.on_device(('words',), self.word_rows.to).words]

    def mixed(self, settings: Settings) -> Tensor:
        """Query embeddings of these settings, Q x width."""
        return mix_texts(self.embeddings, self.rows(settings), settings.text_coefficient)


def place_rows(bank: TextBank, auxiliary: str | None, background_set: bool, row: dict[str, int]) -> Rows:
    """Rows of a bank's words and auxiliary texts; new texts are added to `row`."""
    bank = bank if background_set else bank.without_background_set()
    words = [row.setdefault(word, len(row)) for word in bank.words]
    texts = None
    if auxiliary is not None:
        paired = zip(bank.words, bank.auxiliary_texts(auxiliary))
        texts = torch.tensor([row.setdefault(word if text is None else text, len(row)) for word, text in paired])
    return Rows(torch.tensor(words), texts, torch.tensor(bank.word_classes))


def all_rows(rows: Sequence[Rows]) -> Tensor:
    """All rows that the queries need, sorted."""
    parts = [part for one in rows for part in (one.words, one.auxiliary) if part is not None]
    return torch.cat(parts).unique()


def renumbered(rows: Rows, used: Tensor) -> Rows:
    """Convert rows to indices into the sorted `used`."""
    auxiliary = None if rows.auxiliary is None else torch.searchsorted(used, rows.auxiliary)
    return Rows(torch.searchsorted(used, rows.words), auxiliary, rows.classes)


def mix_texts(values: Tensor, rows: Rows, text_coefficient: float, dim: int = 0) -> Tensor:
    """Mix values of texts to values of queries, along `dim`: (1 - alpha) * word + alpha * auxiliary."""
    words = values.index_select(dim, rows.words)
    if rows.auxiliary is None or text_coefficient == 0:
        return words
    return words.lerp_(values.index_select(dim, rows.auxiliary), text_coefficient)
