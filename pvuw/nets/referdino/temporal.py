"""The temporal decoder: a query looks at itself in all frames, and at the sentence."""

from torch import Tensor, nn

from pvuw.nets.referdino.config import ReferDinoConfig


class TemporalBlock(nn.Module):
    """Queries along time, and the sentence's features read from them."""

    def __init__(self, config: ReferDinoConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.decoder = nn.TransformerDecoderLayer(
            width, heads, config.temporal_hidden, dropout=0.0, batch_first=True
        )

    def forward(self, queries: Tensor, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """Both after the block, float `[Q, T, C]`."""
        seen, _ = self.self_attn(queries, queries, queries, need_weights=False)
        queries = self.norm(queries + seen)
        return queries, self.decoder(sentence, queries)


class TemporalDecoder(nn.Module):
    """Blocks after each of which queries take in what the sentence read.

    Args:
        config: Size of the network.
    """

    def __init__(self, config: ReferDinoConfig) -> None:
        super().__init__()
        count = range(config.temporal_layers)
        self.layer = nn.ModuleList(TemporalBlock(config) for _ in count)
        self.norm = nn.ModuleList(nn.LayerNorm(config.width) for _ in count)

    def forward(self, queries: Tensor, sentence: Tensor) -> Tensor:
        """Queries of all frames, float `[T, Q, C]`.

        Args:
            queries: Sorted alike in all frames, float `[T, Q, C]`.
            sentence: The sentence's feature in each frame, float `[T, C]`.
        """
        over_time = queries.transpose(0, 1)
        read = sentence.expand(len(over_time), -1, -1)
        for block, norm in zip(self.layer, self.norm, strict=True):
            over_time, read = block(over_time, read)
            over_time = norm(over_time + read)
        return over_time.transpose(0, 1)
