"""Packs trained weights for shipping: matrices as int8 rows with one scale each. Does not train.

Run as `python -m evals.verifier.pack TRAINED_FOLDER`; writes `src/tutor/verification/weights`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

from tutor.verification.cross_encoder import WEIGHTS

KEPT = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "hidden_act", "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id",
)  # fmt: skip


def main() -> None:
    """Write weights and configuration."""
    trained = Path(sys.argv[1])
    packed = {}
    for name, value in load_file(str(trained / "model.safetensors")).items():
        if value.ndim == 2 and value.numel() > 4096:
            scale = value.abs().amax(dim=1).clamp(min=1e-8) / 127
            packed[name] = (value / scale.unsqueeze(1)).round().char().contiguous()
            packed[name + ".scale"] = scale.contiguous()
        elif value.is_floating_point():
            packed[name] = value.float().contiguous()
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    save_file(packed, str(WEIGHTS / "verifier.safetensors"))
    held = json.loads((trained / "config.json").read_text())
    (WEIGHTS / "config.json").write_text(
        json.dumps({**{key: held[key] for key in KEPT}, "num_labels": 3}, indent=1) + "\n"
    )
    size = (WEIGHTS / "verifier.safetensors").stat().st_size
    print(f"{size / 1e6:.1f} MB in {WEIGHTS}")


if __name__ == "__main__":
    main()
