"""What is not asked of older packages, as an OpenMMLab environment has them; `pytest -rs` prints each reason."""

import cv2
import pytest
import torch
from packaging.version import Version

OLD_TORCH = Version(torch.__version__) < Version('2.6')
new_torch = pytest.mark.skipif(OLD_TORCH, reason=f'PyTorch {torch.__version__} computes it in another way')
new_opencv = pytest.mark.skipif(
    Version(cv2.__version__) < Version('5'),
    reason=f'OpenCV {cv2.__version__} draws ellipses otherwise, and does not turn WEBP',
)
