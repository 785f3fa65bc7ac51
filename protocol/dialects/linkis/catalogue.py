"""User-defined functions and data sources: there are none here, in the shapes that clients read.

Follows the contract, sections 8a, 8c and 9 (point 11). The front ends ask ``udf/authenticate``
with a cookie, by GET or POST and with any content type, or none.
"""

from __future__ import annotations

from typing import Any

from protocol.dialect import Route
from protocol.dialects.linkis.fixed import Fixed, fixed_rows

__all__ = ["catalogue_rows"]

_UDF: Fixed = {
    ("GET POST", "/udf/all"): {"udfTree": {"udfInfos": [], "childrens": []}},
    ("GET POST", "/udf/list"): {"infoList": [], "totalPage": 0, "total": 0},
    ("GET POST", "/udf/authenticate"): {"isUDFManager": False},
}
_DATASOURCE: Fixed = {
    ("GET", "/datasource/all"): {"dbs": []},
    ("GET", "/datasource/dbs"): {"dbs": []},
    ("GET", "/datasource/tables"): {"tables": []},
    ("GET", "/datasource/columns"): {"columns": []},
    ("GET", "/datasource/getTableBaseInfo"): {"tableBaseInfo": {"base": {}, "model": {}}},
    ("GET", "/datasource/getTableFieldsInfo"): {"tableFieldsInfo": []},
    ("GET", "/datasource/getTableStatisticInfo"): {
        "tableStatisticInfo": {"partitions": []},
        "totalSize": 0,
    },
    ("GET", "/datasource/getPartitionStatisticInfo"): {"partitionStatisticInfo": {}},
}


def catalogue_rows() -> tuple[Route[Any], ...]:
    """The rows."""
    return fixed_rows({**_UDF, **_DATASOURCE})
