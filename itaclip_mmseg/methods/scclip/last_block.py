"""SC-CLIP's last block (arXiv:2411.15869): self-calibrated CLIP."""

from dataclasses import dataclass

from torch import Tensor, nn

from itaclip_mmseg.last_block import last_block
from itaclip_mmseg.last_inputs import LastInputs
from itaclip_mmseg.models.backbones.calibration import Calibration, attend_by
from itaclip_mmseg.models.backbones.similarity import similarity_attention


@last_block('scclip')
@dataclass(frozen=True)
class SCCLIP(Calibration):
    """SC-CLIP: anomalies by local outlier factor; attention is the mean of similarity and k-k attention."""

    isolated_stay = True

    def anomalies(self, inputs: LastInputs) -> Tensor:
        """Outliers among the patches of the last block's input, V x L."""
        return self.outlying(inputs.x[:, 1:])

    def attend(self, block: nn.Module, x: Tensor, similarity: Tensor, fused: bool) -> Tensor:
        """Attend by the mean of similarity, without threshold, and k-k attention, V x L x D."""
        return attend_by(block, x, similarity_attention(similarity, self.sharpness), terms=('kk',))
