"""Encode images to fields: the expensive half, done once for any number of settings (paper, figure 2, left)."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from mmengine.logging import MMLogger
from torch import Tensor

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.stages.feedback import relation
from itaclip_mmseg.models.stages.queries import TextTable
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.views import NUM_VIEWS, fold_views, image_engineering

# Similarities of windows to texts at patch resolution, flips undone: W x T x rows x columns by category of views.
# Before texts are known, the tokens themselves: W x D x rows x columns.
Fields = dict[str, Tensor]
# Wraps the iteration over the passes of an image, such as a progress bar.
Track = Callable[[Sequence[Tensor]], Iterable[Tensor]]


class WindowEncoder:
    """Encode windows for one or several last blocks: crop -> views -> backbone -> similarity.

    Args:
        backbone: views to unit patch embeddings.
        texts: the table of embeddings, T x D, to compare with; None keeps the tokens, for `similarity` later.
        last_blocks: the distinct last blocks, each with the categories of views (`fold_views`) that it needs.
        batch: views per forward pass; None lets the backbone choose at the first image. It is halved permanently if a
            GPU runs out of memory. Results do not depend on it.
        track: wraps the iteration over the passes, such as a progress bar.
    """

    def __init__(
        self,
        backbone: CLIPVisionBackbone,
        texts: TextTable | None,
        last_blocks: Mapping[LastBlock, set[str]],
        batch: int | None = None,
        track: Track = iter,
    ) -> None:
        self.backbone, self.texts, self.last_blocks = backbone, texts, last_blocks
        self.batch, self.track = batch, track
        self.views_a_window = NUM_VIEWS if any(names != {'plain'} for names in last_blocks.values()) else 1

    def encode(self, images: Sequence[Tensor], grids: Sequence[Grid]) -> list[dict[LastBlock, Fields]]:
        """Fields of all windows of images 3 x H x W, normalised RGB; windows of the same size are batched."""
        fields: list[dict] = [{} for _ in images]
        for size in {grid.window_size for grid in grids}:
            members = [index for index, grid in enumerate(grids) if grid.window_size == size]
            windows = torch.cat([grids[index].crop(images[index]) for index in members])  # W x 3 x h x w
            lengths = [len(grids[index]) for index in members]
            for block, parts in self.encode_windows(windows).items():
                for index, *own in zip(members, *(part.split(lengths) for part in parts.values())):
                    fields[index][block] = dict(zip(parts, own))
        return fields

    def encode_windows(self, windows: Tensor) -> dict[LastBlock, Fields]:
        """Fields of windows W x 3 x h x w, computed for a few windows at a time to limit the memory of their views."""
        self.batch = self.batch or self.backbone.views_a_pass(windows)
        chunk = max(self.batch // self.views_a_window, 1)
        pieces = [self.encode_or_halve(part) for part in self.track(windows.split(chunk))]
        return {
            block: {name: torch.cat([piece[block][name] for piece in pieces]) for name in sorted(names)}
            for block, names in self.last_blocks.items()
        }

    def encode_or_halve(self, windows: Tensor) -> dict[LastBlock, Fields]:
        """Like `encode_views`; if a GPU runs out of memory, continue with half as many views per pass."""
        while True:
            try:
                return self.encode_views(windows, self.batch)
            except torch.cuda.OutOfMemoryError:
                if self.batch == 1:
                    raise
            self.batch //= 2
            torch.cuda.empty_cache()
            MMLogger.get_current_instance().warning(
                f'out of memory: continuing with {self.batch} views per pass; set window_batch_size={self.batch} to '
                'avoid the retry'
            )

    def encode_views(self, windows: Tensor, batch: int) -> dict[LastBlock, Fields]:
        """Compute views, tokens and similarities of windows W x 3 x h x w, with at most `batch` views per pass."""
        views = image_engineering(windows) if self.views_a_window > 1 else windows[None]  # V x W x 3 x h x w
        fields = {}
        for block, maps in self.token_maps(views.flatten(0, 1), len(windows), batch).items():
            folded = fold_views(maps.unflatten(0, (-1, len(windows))))
            fields[block] = {name: self.compare(folded[name]).movedim(-1, 1) for name in self.last_blocks[block]}
        return fields

    def compare(self, tokens: Tensor) -> Tensor:
        """Cosines of tokens ... x D with the texts, ... x T; without texts, the tokens themselves."""
        return tokens if self.texts is None else tokens @ self.texts.embeddings.mT

    def token_maps(self, views: Tensor, windows: int, batch: int) -> dict[LastBlock, Tensor]:
        """Unit embeddings V x rows x columns x D by last block, on that block's grid; only of the first `windows`
        views, the windows themselves, if the block needs no others.
        """
        keep = functools.reduce(Keep.__or__, (block.keep for block in self.last_blocks), Keep())
        maps: dict[LastBlock, list[Tensor]] = {block: [] for block in self.last_blocks}
        for start in range(0, len(views), batch):
            inputs = self.backbone.shared_blocks(views[start : start + batch], keep)
            for plain, number in ((False, batch), (True, windows - start)):
                blocks = [block for block, names in self.last_blocks.items() if (names == {'plain'}) == plain]
                if blocks and number > 0:
                    for block, tokens in self.tokens(inputs.first(number), blocks).items():
                        maps[block].append(tokens.unflatten(1, block.grid(inputs)))
        return {block: torch.cat(parts) for block, parts in maps.items()}

    def tokens(self, inputs: LastInputs, blocks: Sequence[LastBlock]) -> dict[LastBlock, Tensor]:
        """Unit patch embeddings V x L x D by last block; blocks with feedback run twice."""
        first = dict(zip(blocks, self.backbone.encode_last(inputs, blocks)))
        return {block: self.second_pass(inputs, block, one) if block.feedback else one for block, one in first.items()}

    def second_pass(self, inputs: LastInputs, block: LastBlock, tokens: Tensor) -> Tensor:
        """Run a last block again with feedback from the first pass's tokens; V x L x D like these."""
        cosines = (tokens @ self.texts.words.mT).mT.unflatten(-1, block.grid(inputs))  # V x Q x rows x columns
        related = relation(inputs.views, cosines, self.backbone.patch_size, block.feedback)
        return self.backbone.encode_last(inputs._replace(relation=related), [block])[0]


def similarity(fields: Fields, texts: Tensor) -> Fields:
    """Compute fields of texts, T x D, from fields of tokens."""
    return {name: torch.einsum('td,wdrc->wtrc', texts, field) for name, field in fields.items()}
