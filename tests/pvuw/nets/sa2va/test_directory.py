"""Published directories: every family's names load strictly, and what is damaged is named."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pvuw.errors import PvuwError, WeightsError
from pvuw.nets.sa2va import Sa2va
from pvuw.nets.sa2va.keys import Layout
from pvuw.nets.sa2va.structure import describe
from pvuw.weights import summarize
from tests.pvuw.nets.sa2va.golden import find, write_directory, write_shards

KEYS = Path(__file__).parents[3] / "data" / "sa2va" / "published_keys.json.gz"
"""Names, shapes and configuration of small networks that upstream's own code built."""
PUBLISHED = json.loads(gzip.decompress(KEYS.read_bytes()))
TOKENIZER = Path(Sa2va.__init__.__code__.co_filename).with_name("nano")


@pytest.fixture(scope="module")
def internlm2(tmp_path_factory):
    """The directory of the frozen golden case, in three files."""
    folder = tmp_path_factory.mktemp("sa2va") / "whole"
    find("sa2va_drawn").write(folder, shards=3)
    return folder


@pytest.fixture
def broken(internlm2, tmp_path):
    return Path(shutil.copytree(internlm2, tmp_path / "broken"))


def drawn(family):
    """Weights of a family with the nano tokenizer's vocabulary, and its `config.json`."""
    said = PUBLISHED[family]
    said["config"]["llm_config"]["vocab_size"] = 701
    rng = np.random.default_rng(0)
    weights = {
        name: torch.from_numpy(rng.standard_normal(shape, np.float32))
        for name, shape in said["keys"]
    }
    for name in ("model.embed_tokens", "lm_head"):
        full = f"language_model.{name}.weight"
        weights[full] = torch.randn(701, weights[full].shape[1])
    return weights, {"config": said["config"], "tokenizer": TOKENIZER, "sam2": said["sam2"]}


@pytest.mark.parametrize("family", sorted(PUBLISHED))
def test_names_and_shapes_of_upstream_are_ours(family, tmp_path):
    """Sa2VA 1B, 4B and InternVL3 are one family, Sa2VA-i another; InternLM2 is the golden case."""
    weights, others = drawn(family)
    write_directory(tmp_path, weights=weights, **others)
    net = Sa2va(tmp_path)
    found = net.official_state_dict()
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weight) for name, weight in weights.items())
    assert (net.tuned_decoder is not None) == (family == "sa2va_i")


def test_the_original_decoder_makes_sa2va_i_of_sa2va(tmp_path):
    weights, others = drawn("sa2va_i")
    write_directory(tmp_path / "i", weights=weights, **others)
    original, tuned = "sam_mask_decoder.", "sam_mask_decoder_modified."
    sam2 = "grounding_encoder.sam2_model."
    plain = {name: w for name, w in weights.items() if f".{tuned}" not in name}
    plain |= {n.replace(tuned, original): w for n, w in weights.items() if f".{tuned}" in n}
    write_directory(tmp_path / "plain", weights=plain, **others)
    stock = {n[len(sam2) :]: w for n, w in weights.items() if n.startswith(f"{sam2}{original}")}
    torch.save({"model": stock}, tmp_path / "sam2.pt")
    net = Sa2va(tmp_path / "plain", original_decoder=tmp_path / "sam2.pt")
    found = net.official_state_dict()
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weight) for name, weight in weights.items())
    with pytest.raises(PvuwError, match="the directory is of Sa2VA-i and holds it"):
        Sa2va(tmp_path / "i", original_decoder=tmp_path / "sam2.pt")
    stock.popitem()
    torch.save({"model": stock}, tmp_path / "sam2.pt")
    with pytest.raises(WeightsError, match=r"no mask decoder of this SAM 2 \(1 missing"):
        Sa2va(tmp_path / "plain", original_decoder=tmp_path / "sam2.pt")


def test_joint_weights_of_internlm2_are_taken_apart_group_by_group():
    # Two groups of two queries, one key, one value; heads of one row.
    layout = Layout("internvl_internlm2", groups=2, head_width=1)
    name = "language_model.model.layers.0.attention.wqkv.weight"
    weight = torch.arange(8.0)[:, None]  # q q k v, q q k v
    queries, keys, values = layout.split(name, weight)
    assert queries.flatten().tolist() == [0, 1, 4, 5]
    assert keys.flatten().tolist() == [2, 6]
    assert values.flatten().tolist() == [3, 7]
    assert torch.equal(layout.join(name, [queries, keys, values]), weight)


def test_bfloat16_on_request_is_the_language_models_alone(internlm2):
    net = Sa2va(internlm2, dtype="bfloat16")
    assert {p.dtype for p in net.mllm.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in net.sam2.parameters()} == {torch.float32}
    whole = Sa2va(internlm2)
    for name, weight in whole.mllm.named_parameters():
        assert torch.equal(weight.bfloat16(), net.mllm.get_parameter(name)), name


def test_inspect_says_what_it_is_without_reading_it(internlm2):
    summary = summarize(internlm2)
    assert summary.network == "Sa2VA of another size"
    assert summary.layout == "official weights"
    assert summary.num_tensors == len(find("sa2va_drawn").keys)
    assert summarize_of(internlm2, vision=1024, language=2048) == "Sa2VA 4B"


def test_what_is_no_sa2va_is_not_called_so(broken):
    assert describe(broken) == "Sa2VA of another size"
    set_config(broken, vision_config={}, llm_config={})
    assert describe(broken) == "Sa2VA of another size"
    set_config(broken, model_type="internvl_chat")
    assert describe(broken) is None
    (broken / "config.json").write_text("[]")
    assert describe(broken) is None
    assert describe(broken / "nowhere") is None


def summarize_of(folder, *, vision, language):
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["hidden_size"] = vision
    config["llm_config"] |= {"hidden_size": language, "architectures": ["Qwen2ForCausalLM"]}
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    (other / "config.json").write_text(json.dumps(config))
    return summarize(other).network


def shard(folder, part):
    return folder / f"model-{part:05}-of-00003.safetensors"


def set_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def unknown_llm(folder):
    config = json.loads((folder / "config.json").read_text())
    set_config(folder, llm_config=config["llm_config"] | {"architectures": ["GPT5"]})


def other_model(folder):
    """The tokenizer of the language model alone: no [SEG]."""
    (folder / "added_tokens.json").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["added_tokens_decoder"]["375"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def larger_tokenizer(folder):
    added = json.loads((folder / "added_tokens.json").read_text())
    (folder / "added_tokens.json").write_text(json.dumps(added | {"<more>": 500}))


def renamed_weight(folder):
    weights = load_file(shard(folder, 1))
    name = next(iter(weights))
    weights[f"{name}_x"] = weights.pop(name)
    save_file(weights, shard(folder, 1))


def other_shape(folder):
    weights = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights |= load_file(file)
        file.unlink()
    (folder / "model.safetensors.index.json").unlink()
    weights["mlp1.3.bias"] = torch.zeros(7)
    write_shards(folder, weights, 1)


DAMAGE = {
    "no config": (lambda f: (f / "config.json").unlink(), r"whole|broken.*no config\.json"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), "not JSON"),
    "unknown family": (unknown_llm, "language model is GPT5, known are Qwen2ForCausalLM"),
    "unknown layer": (lambda f: set_config(f, select_layer=-4), "select_layer -4"),
    "shard missing": (
        lambda f: shard(f, 2).unlink(), r"model-00002-of-00003\.safetensors: missing, one of 1",
    ),
    "shard cut short": (
        lambda f: shard(f, 2).write_bytes(shard(f, 2).read_bytes()[:900]),
        r"model-00002.*not a whole safetensors file",
    ),
    "weight not in its shard": (renamed_weight, "which model.safetensors.index.json says is in it"),
    "another shape": (other_shape, r"mlp1\.3\.bias \[7\] instead of \[64\]"),
    "no SEG": (other_model, r"tokenizer does not know \[SEG\]"),
    "larger tokenizer": (larger_tokenizer, "has 501 tokens and Sa2VA of another size knows 380"),
    "no tokenizer": (
        lambda f: (f / "tokenizer.model").unlink(), "no tokenizer that can be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_directory_is_refused_in_one_line(what, broken):
    damage, line = DAMAGE[what]
    damage(broken)
    with pytest.raises(WeightsError, match=line) as caught:
        Sa2va(broken)
    assert "\n" not in str(caught.value)


def test_no_directory_is_refused():
    with pytest.raises(WeightsError, match="no directory; give one as Sa2VA is published"):
        Sa2va(Path("nowhere"))
