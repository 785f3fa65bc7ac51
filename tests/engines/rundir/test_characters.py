"""Cuts between characters: of UTF-8 always, of anything else anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.rundir.characters import tail, whole_before
from engines.rundir.lines import MAX_PART, Splitter
from engines.rundir.records import OUT, Record


@given(st.text(min_size=1), st.data())
def test_row_c2_texts_are_cut_between_characters(text: str, data: st.DataObject) -> None:
    """Row C2: both sides of a cut are texts, and at most three bytes go to the other side."""
    raw = text.encode()
    end = data.draw(st.integers(0, len(raw) - 1))
    place = whole_before(raw, end)
    assert 0 <= end - place <= 3
    assert raw[:place].decode() + raw[place:].decode() == text
    most = data.draw(st.integers(0, len(raw) + 1))
    assert text.endswith(tail(raw, most).decode())
    assert most - 3 <= len(tail(raw, most)) <= most or tail(raw, most) == raw


@given(st.binary(min_size=1, max_size=20), st.integers(0, 19))
def test_row_c2_bytes_are_cut_close_by(raw: bytes, end: int) -> None:
    """Row C2: whatever the bytes are, a cut is where it was wanted or up to three bytes before."""
    end %= len(raw)
    assert end - 3 <= whole_before(raw, end) <= end
    assert raw.endswith(tail(raw, end))


@pytest.mark.parametrize("text", ["漢", "é", "🙂", "a漢", "x"])
@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
def test_row_c2_a_long_line_comes_in_whole_characters(text: str, step: int) -> None:
    """Row C2: 30,000 wide characters and more are parts that are texts, however they arrived."""
    line = (text * 80_000)[:120_000].encode()
    splitter = Splitter()
    step = max(step, 17)
    fed = [Record(OUT, 1, line[start : start + step]) for start in range(0, len(line), step)]
    blocks = splitter.feed(fed) + splitter.finish()
    assert "".join(block.data.decode() for block in blocks) == line.decode()
    assert all(MAX_PART - 3 <= len(block.data) <= MAX_PART for block in blocks[:-1])


def test_row_c2_what_is_open_begins_with_a_character() -> None:
    """Row C2: a glimpse of a line that goes on begins with a whole character too."""
    splitter = Splitter()
    splitter.feed([Record(OUT, 1, "漢漢漢".encode())])
    found = splitter.open_line(4)
    assert found is not None
    assert found.data.decode() == "漢"
