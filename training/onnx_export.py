"""Export of the small models to ONNX, for ONNX Runtime. Does not train.

Run as `python -m training.onnx_export embedder` or `python -m training.onnx_export verifier TRAINED_FOLDER`.

The embedding model's graph is shipped without weights: it says where they lie in the model's own `model.safetensors`.
The verifier is shipped whole, its matrices in seven bits of int8: products of an int8 row and a uint8 column are then
summed in pairs without overflow by AVX2's `vpmaddubsw`, so that every processor gives the same answer. Each token of its
input is scaled on its own (Yao et al., "ZeroQuant", 2022), because one scale for a whole tensor costs accuracy and makes
a pair's answer depend on what it is read with.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tutor import models
from tutor.retrieval.embedder import GRAPH
from tutor.settings import load_settings
from tutor.verification.cross_encoder import VERIFIER

OPSET = 17
MICROSOFT = "com.microsoft"
WEIGHT_TOP = 63
"""Highest quantised weight: seven bits with sign."""
LARGE_TABLE = 5_000
"""Rows from which an embedding table is stored in eight bits."""


class Embed(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """Token ids and mask, shape (n, tokens), to unit vectors (n, dims): the mean over the tokens, normalised."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The vectors."""
        bert = self.encoder
        x = bert.embeddings(input_ids=input_ids, token_type_ids=torch.zeros_like(input_ids))
        mask = hidden(attention_mask)
        for layer in bert.encoder.layer:
            x = layer(x, attention_mask=mask)
        weight = attention_mask[:, :, None].float()
        mean = (x * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return mean / mean.norm(dim=1, keepdim=True).clamp(min=1e-12)


class Read(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """Token ids, mask and types, shape (n, tokens), to logits (n, classes); of the last layer only the first token."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.bert, self.classifier = model.bert, model.classifier

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """The logits."""
        bert = self.bert
        heads, size = bert.config.num_attention_heads, bert.config.hidden_size
        mask = hidden(attention_mask)
        x = bert.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)

        def split(y: torch.Tensor) -> torch.Tensor:
            return y.view(y.shape[0], -1, heads, size // heads).transpose(1, 2)

        for i, layer in enumerate(bert.encoder.layer):
            attention = layer.attention.self
            asking = x[:, :1] if i == len(bert.encoder.layer) - 1 else x
            q, k, v = split(attention.query(asking)), split(attention.key(x)), split(attention.value(x))
            share = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(size // heads) + mask, -1)
            mixed = (share @ v).transpose(1, 2).reshape(asking.shape[0], -1, size)
            attended = layer.attention.output(mixed, asking)
            x = layer.output(layer.intermediate(attended), attended)
        logits: torch.Tensor = self.classifier(torch.tanh(bert.pooler.dense(x[:, 0])))
        return logits


def hidden(attention_mask: torch.Tensor) -> torch.Tensor:
    """What is added to attention scores so that padding gets none: shape (n, 1, 1, tokens)."""
    return (1.0 - attention_mask[:, None, None, :].float()) * -10_000.0


def traced(model: torch.nn.Module, inputs: Sequence[str], output: str, *, fold: bool) -> onnx.ModelProto:
    """The model as a graph of any batch and length."""
    ids = torch.randint(100, 2_000, (2, 20))
    values = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    axes: dict[str, dict[int, str]] = {name: {0: "batch", 1: "tokens"} for name in inputs}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "graph.onnx"
        torch.onnx.export(
            model.eval(), tuple(values[name] for name in inputs), str(file), input_names=list(inputs),
            output_names=[output], opset_version=OPSET, do_constant_folding=fold, dynamo=False,
            dynamic_axes={**axes, output: {0: "batch"}},
        )  # fmt: skip
        return onnx.load(str(file))


def embedder_graph(folder: Path) -> onnx.ModelProto:
    """The embedding model's graph; its initializers hold no data, but say where it lies in `model.safetensors`."""
    from sentence_transformers import SentenceTransformer

    bert = SentenceTransformer(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager"})[0].auto_model
    model = traced(Embed(bert), ("input_ids", "attention_mask"), "vector", fold=False)
    held = places(folder / "model.safetensors")
    renamed = {tensor.name: tensor.name.removeprefix("encoder.") for tensor in model.graph.initializer}
    renamed = {old: new if new in held else old for old, new in renamed.items()}
    for tensor in model.graph.initializer:
        name = renamed[tensor.name]
        shape, offset, length = held[name]
        if (shape, tensor.data_type) != (tuple(tensor.dims), TensorProto.FLOAT):
            raise ValueError(f"{name} is another tensor in the weights.")
        bare = TensorProto(name=name, data_type=tensor.data_type, dims=tensor.dims)
        bare.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "model.safetensors"), ("offset", offset), ("length", length)):
            bare.external_data.add(key=key, value=str(value))
        tensor.CopyFrom(bare)
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.ClearField("doc_string")
    return model


def places(file: Path) -> dict[str, tuple[tuple[int, ...], int, int]]:
    """Shape, first byte and number of bytes of each tensor of a safetensors file."""
    with file.open("rb") as source:
        size = int.from_bytes(source.read(8), "little")
        header = json.loads(source.read(size))
    header.pop("__metadata__", None)
    return {
        name: (tuple(entry["shape"]), 8 + size + entry["data_offsets"][0],
               entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
    }  # fmt: skip


class Quantised:
    """Rewrites a graph: products with large constant matrices in int8, large tables as int8 rows."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._held = {tensor.name: tensor for tensor in model.graph.initializer}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._replaced: set[str] = set()
        self._scaled: dict[str, tuple[str, str]] = {}

    def result(self) -> onnx.ModelProto:
        """The rewritten model."""
        for node in self.model.graph.node:
            matrix = self._held.get(node.input[1]) if node.op_type == "MatMul" else None
            table = self._held.get(node.input[0]) if node.op_type == "Gather" else None
            if matrix is not None and len(matrix.dims) == 2:
                self._product(node, numpy_helper.to_array(matrix))
            elif table is not None and len(table.dims) == 2 and table.dims[0] > LARGE_TABLE:
                self._rows(node, numpy_helper.to_array(table))
            else:
                self._nodes.append(node)
        graph = self.model.graph
        kept = [tensor for tensor in graph.initializer if tensor.name not in self._replaced]
        del graph.node[:], graph.initializer[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend([*kept, *self._constants.values()])
        self.model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
        return self.model

    def _product(self, node: onnx.NodeProto, weight: NDArray[np.float32]) -> None:
        values, output, name = node.input[0], node.output[0], node.input[1]
        scale = np.maximum(np.abs(weight).max(0), 1e-8) / WEIGHT_TOP
        matrix = self._constant(name + ".q", np.rint(weight / scale).astype(np.int8))
        columns = self._constant(name + ".scale", scale.astype(np.float32))
        if values not in self._scaled:
            self._scaled[values] = self._tokens(values)
        tokens, steps = self._scaled[values]
        one, middle, zero = self._constant("one", np.float32(1)), self._middle(), self._constant("zero", np.int8(0))
        product = [tokens, matrix, one, columns, middle, zero]
        self._add("MatMulIntegerToFloat", product, output + ".int", domain=MICROSOFT)
        self._add("Mul", [output + ".int", steps], output)
        self._replaced.add(name)

    def _tokens(self, values: str) -> tuple[str, str]:
        """Values as uint8 around 128, and the step of each token, shape (..., 1)."""
        tiny, part = self._constant("tiny", np.float32(1e-8)), self._constant("part", np.float32(1 / 127))
        self._add("Abs", [values], values + ".abs")
        self._add("ReduceMax", [values + ".abs"], values + ".max", axes=[-1], keepdims=1)
        self._add("Mul", [values + ".max", part], values + ".part")
        self._add("Max", [values + ".part", tiny], values + ".step")
        self._add("Div", [values, values + ".step"], values + ".scaled")
        one = self._constant("one", np.float32(1))
        self._add("QuantizeLinear", [values + ".scaled", one, self._middle()], values + ".uint8")
        return values + ".uint8", values + ".step"

    def _rows(self, node: onnx.NodeProto, table: NDArray[np.float32]) -> None:
        name, at, output = node.input[0], node.input[1], node.output[0]
        scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-8) / 127
        rows = self._constant(name + ".q", np.rint(table / scale).astype(np.int8))
        steps = self._constant(name + ".scale", scale.astype(np.float32))
        self._add("Gather", [rows, at], output + ".int8")
        self._add("Gather", [steps, at], output + ".step")
        self._add("Cast", [output + ".int8"], output + ".float", to=TensorProto.FLOAT)
        self._add("Mul", [output + ".float", output + ".step"], output)
        self._replaced.add(name)

    def _middle(self) -> str:
        return self._constant("middle", np.uint8(128))

    def _constant(self, name: str, value: Any) -> str:
        self._constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def _add(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))


def verifier_graph(folder: Path) -> onnx.ModelProto:
    """A trained cross-encoder as it ships; what its weights are called in training is kept with it."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager"}).model
    graph = traced(Read(model), ("input_ids", "attention_mask", "token_type_ids"), "logits", fold=True)
    names = matrices(graph, model.state_dict())
    shipped = Quantised(graph).result()
    for node in shipped.graph.node:
        node.ClearField("doc_string")
    for inside, name in names.items():
        shipped.metadata_props.add(key=inside, value=name)
    return shipped


def matrices(graph: onnx.ModelProto, state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """The matrices of a graph that the export renamed, by their names in training."""
    wanted = {name: value.numpy().T for name, value in state.items() if value.ndim == 2}
    found = {}
    for tensor in graph.graph.initializer:
        if tensor.name not in state and len(tensor.dims) == 2:
            value = numpy_helper.to_array(tensor)
            found[tensor.name] = next(n for n, w in wanted.items() if np.array_equal(w, value))
    return found


def shipped_weights(file: Path = VERIFIER) -> dict[str, torch.Tensor]:
    """The verifier's weights in fp32 by their names in training, to train on from."""
    model = onnx.load(str(file))
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    names = {entry.key: entry.value for entry in model.metadata_props}
    found = {}
    for name, value in held.items():
        if name.endswith(".q"):
            inside = name.removesuffix(".q")
            whole = value.astype(np.float32) * held[inside + ".scale"]
            found[names.get(inside, inside)] = whole.T if inside in names else whole
        elif not name.endswith(".scale") and value.ndim:
            found[name] = value
    return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}


def main() -> None:
    """Write a graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=("embedder", "verifier"))
    parser.add_argument("folder", nargs="?", type=Path, help="the trained model; the embedding model has its own place")
    args = parser.parse_args()
    if args.which == "embedder":
        file, model = GRAPH, embedder_graph(args.folder or models.resolve("embedding", load_settings()))
    else:
        file, model = VERIFIER, verifier_graph(args.folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(file))
    print(f"{file.stat().st_size / 1e6:.2f} MB in {file}")


if __name__ == "__main__":
    main()
