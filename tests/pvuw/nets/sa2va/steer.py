"""Makes a language model with random weights answer what a test wants."""

import torch

from pvuw.nets.sa2va.answers import SharedRows
from pvuw.nets.sa2va.prompts import video_chat


@torch.no_grad()
def steer(net, frames, wanted, *, margin=8.0):
    """Change a few rows of the head so that each sentence gets its answer.

    Args:
        net: The network; changed in place.
        frames: Key frames the sentences are asked about.
        wanted: Answer by sentence, without the token that ends it.
        margin: Logit of the wanted token; those of others are about 1.

    Returns:
        Ids and rows that were changed.
    """
    reader, states, targets = net.reader, [], []
    seen = reader.see(net.mllm, frames).flatten(0, 1)
    tokens = reader.structure.tokens_per_frame
    for sentence, answer in wanted.items():
        text = video_chat(sentence, num_frames=len(frames), tokens_per_frame=tokens)
        prompt = reader.tokenizer.encode(text)
        said = reader.tokenizer.encode(f"{text}{answer}<|im_end|>")[len(prompt) :]
        rows = SharedRows(net.mllm, [prompt], [reader.embed(net.mllm, prompt, seen)])
        states.append(rows.read_prompts()[0])
        states += [rows.read([i])[0] for i in said[:-1]]
        targets += said
    ids = sorted(set(targets))
    aims = torch.zeros(len(targets), len(ids))
    for row, target in enumerate(targets):
        aims[row, ids.index(target)] = margin
    solved = torch.linalg.lstsq(torch.stack(states).double(), aims.double(), driver="gelsd")
    rows = solved.solution.T.float()
    net.mllm.lm_head.weight[ids] = rows
    return ids, rows
