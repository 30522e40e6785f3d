from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.body import DEPTH_LIMIT, parse_json
from cds_hooks.errors import BadJson

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20)


@given(VALUES, st.booleans())
def test_any_json_value_is_read_as_it_is(value: object, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.dictionaries(st.text(), VALUES, min_size=1, max_size=5), st.data())
def test_a_member_that_comes_twice_is_always_found(value: dict[str, object], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(value)))
    again = json.dumps({name: data.draw(VALUES)}, ensure_ascii=data.draw(st.booleans()))[1:]
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))[:-1] + "," + again
    wrapped = text if data.draw(st.booleans()) else f'[{{"a:":"\\u003a"}},{text}]'
    with pytest.raises(BadJson) as caught:
        parse_json(wrapped.encode())
    assert [problem.message for problem in caught.value.problems] == ["an object has the same member twice"]


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_the_depth_limit_is_exact(brackets: str) -> None:
    opener = "[" if brackets == "[]" else '{"a":'
    inner = "[]" if brackets == "[]" else "{}"
    assert parse_json((opener * (DEPTH_LIMIT - 1) + inner + brackets[1] * (DEPTH_LIMIT - 1)).encode())
    with pytest.raises(BadJson, match="NMCDS-103"):
        parse_json((opener * DEPTH_LIMIT + inner + brackets[1] * DEPTH_LIMIT).encode())


@pytest.mark.parametrize("inner", ["[]", "{}", '{"a":[]}'])
def test_far_more_containers_than_fhir_has_are_refused_before_they_are_read(inner: str) -> None:
    with pytest.raises(BadJson) as caught:
        parse_json(("[" + ",".join([inner] * 100_000) + "]").encode())
    assert [problem.message for problem in caught.value.problems] == ["many more objects and arrays than FHIR of this length has"]


def test_dense_fhir_of_8_mb_is_read() -> None:
    one = '{"code":{"coding":[{"system":"http://loinc.org","code":"33914-3"}]},"valueQuantity":{"value":1}}'
    assert parse_json(('{"component":[' + ",".join([one] * 80_000) + "]}").encode())
