"""The mean of trained weights: often steadier than either. Does not train.

Run as `python -m training.verifier.mean OUT PART PART ...`; a part is a folder that `training.verifier.train` wrote, or the
exported verifier. Writes a folder to start a stage from or to export.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from training.onnx_export import shipped_weights
from tutor import models
from tutor.settings import load_settings


def weights_of(part: Path) -> dict[str, Any]:
    """A part's weights in fp32."""
    return shipped_weights(part) if part.suffix == ".onnx" else load_file(str(part / "model.safetensors"))


def main() -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", type=Path, nargs="+")
    args = parser.parse_args()
    parts = [weights_of(part) for part in args.parts]
    mean = {name: torch.stack([part[name].float() for part in parts]).mean(0) for name in parts[0]}
    folder = models.resolve("embedding", load_settings())
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3)
    missing = model.load_state_dict(mean, strict=False).missing_keys
    assert not [name for name in missing if "position_ids" not in name], missing
    model.save_pretrained(args.out)
    AutoTokenizer.from_pretrained(folder).save_pretrained(args.out)
    print(f"the mean of {len(parts)} in {args.out}")


if __name__ == "__main__":
    main()
