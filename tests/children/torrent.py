"""Says everything that is hard to keep: a torrent of lines on both streams, from a seed.

Usage: torrent.py FOLDER LINES SEED. What it writes to each stream it also writes to the files
``out`` and ``err`` in the folder. There are blank lines, lines of 100 kB, carriage returns, NUL and
ESC, bytes that are not UTF-8, characters cut between two writes, and no line feed at the end.
"""

import os
import random
import sys

PLAIN = b"the quick brown fox jumps over the lazy dog"
ODD = (
    b"",
    b"",
    "Grüße, 世界 🚀".encode(),
    b"bar 10%\rbar 20%\rbar 30%",
    b"\x00 \x1b[31mred\x1b[0m \x07",
    b"\xff\xfe\xc3( overlong \xc0\xaf cut \xe4\xb8",
    "line\u2028separator\x0bvertical\x0cform".encode(),
    b"x" * 1000,
)
BATCH = 200


def main(folder: str, lines: int, seed: str) -> None:
    """Writes the lines, batch by batch, and the last one without an end."""
    dice = random.Random(seed)  # noqa: S311 - the torrent must come again
    kept = {1: open(f"{folder}/out", "wb"), 2: open(f"{folder}/err", "wb")}  # noqa: PTH123, SIM115
    done = 0
    while done < lines:
        stream = 2 if dice.random() < 0.2 else 1
        count = min(dice.randrange(1, BATCH), lines - done)
        texts = [b"%d %s" % (done + i, PLAIN) for i in range(count)]
        texts[dice.randrange(count)] = dice.choice(ODD)
        if dice.random() < min(0.05, 400 / lines):
            texts[dice.randrange(count)] = bytes([dice.randrange(97, 123)]) * 100_000
        done += count
        data = b"\n".join(texts) + (b"" if done == lines else b"\n")
        kept[stream].write(data)
        # Two writes, so that a character, a line or a CR LF may be cut anywhere.
        cut = dice.randrange(len(data) + 1)
        for piece in (data[:cut], data[cut:]):
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(stream, rest) :]
    for file in kept.values():
        file.close()


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
