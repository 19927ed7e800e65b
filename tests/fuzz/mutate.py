"""Small damage to bytes and to JSON values, all of it drawn from one seeded generator."""

import random
import struct
import zlib

ODD_NUMBERS = (0, 1, 7, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ODD_VALUES = (
    *(None, True, False, 0, -1, 1, 255, 256, 2**31, 2**63, 10**30, 0.5, 1e308, float("nan")),
    *(float("inf"), "", "0", "a", "é", "\0", "../x", "a" * 300, "\ud800", [], [[]], {}, {"a": 1}),
    *([0], [1, 2], ["a"], [None], [1.5, 2.5], {"counts": "1", "size": [1, 1]}, "PPPP", "ooo0"),
)


def mutate_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bytes with one to four small damages."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        span = rng.choice((1, 2, 4, 8, rng.randint(1, 64)))
        match rng.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(ODD_NUMBERS))
            case 2:
                del data[at : at + span]
            case 3:
                data[at:at] = rng.randbytes(span)
            case 4:
                data[at:at] = data[at : at + span]
            case 5:
                del data[at:]
            case _:
                data[at : at + span] = rng.randbytes(min(span, len(data) - at))
    return bytes(data)


def mutate_png(rng: random.Random, content: bytes) -> bytes:
    """A PNG with damage inside its chunks, half the time with checksums that fit the damage."""
    if rng.random() < 0.5:
        return mutate_bytes(rng, content)
    chunks, position = [], 8
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        chunks.append((kind, content[position + 8 : position + 8 + length]))
        position += 12 + length
    at = rng.randrange(len(chunks))
    kind, data = chunks[at]
    match rng.randrange(4):
        case 0:
            chunks[at] = (kind, mutate_bytes(rng, data))
        case 1:
            chunks.insert(at, (rng.choice((b"eXIf", b"acTL", b"tRNS", b"PLTE", b"IDAT")), data))
        case 2:
            del chunks[at]
        case _:
            chunks[at] = (kind, zlib.compress(mutate_bytes(rng, data)))
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def mutate_value(rng: random.Random, value: object) -> object:
    """A JSON value with one to three parts replaced, removed or doubled; `value` is left alone."""
    for _ in range(rng.randint(1, 3)):
        value = _changed(rng, value)
    return value


def _changed(rng: random.Random, value: object) -> object:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        rest = {k: v for k, v in value.items() if k != key}
        match rng.randrange(8):
            case 0:
                return rest
            case 1:
                return rest | {rng.choice(("", "x", "\ud800", key + " ", "9" * 30)): value[key]}
            case _:
                return value | {key: _changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        match rng.randrange(8):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value[:at], value[at], *value[at:]]
            case _:
                return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    if isinstance(value, str) and rng.random() < 0.5:
        return mutate_bytes(rng, value.encode("utf-8", "surrogatepass")).decode("latin-1")
    if isinstance(value, int) and rng.random() < 0.5:
        return value + rng.choice((-1, 1, -10, 10, 2**20))
    return rng.choice(ODD_VALUES)
