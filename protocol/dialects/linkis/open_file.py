"""``openFile`` and ``getDirFileTrees``: results and scripts, as both generations read them.

Follows the contract, sections 6.4 and 9 (points 2, 3 and 8). The old front end reads the text of a
script as one string, columns as strings and results that are no tables as one string each; all
others read lists and objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol.charsets import charset_of, decoded
from protocol.command import Command
from protocol.commands.files import ReadFile
from protocol.commands.results import ListResults
from protocol.dialects.linkis import files, results
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.generations import Generation, generation_of
from protocol.dialects.linkis.results_paths import nothing_ref, result_ref
from protocol.dialects.linkis.scripts import taken_apart
from protocol.files import FileContent, Folder, file_url
from protocol.http import Reply, Request
from protocol.results import ResultList, ResultPage

__all__ = ["OpenFileViews"]


class OpenFileViews:
    """The two routes.

    Args:
        generation: the setting that decides where a request does not.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def parse(self, request: Request) -> Command[Any]:
        """A page of the result set, or the script, that the path names."""
        path = request.query.get("path", "")
        if (ref := nothing_ref(path)) is not None:
            return ListResults(ref)
        if (found := result_ref(path)) is not None:
            return results.parse_page(found, request)
        charset_of(request.query.get("charset", ""))
        return ReadFile(file_url(path))

    def render(self, found: ResultPage | FileContent | ResultList, request: Request) -> Reply:
        """The page; of a script, its text and what was saved with it."""
        old = self._is_old(request)
        if isinstance(found, ResultPage):
            data = results.page_data(found, request.query)
            return success(request, "OK", _as_old(data) if old else data)
        if isinstance(found, ResultList):
            return success(request, "OK", _nothing() | ({} if old else {"fileContent": []}))
        return success(request, "OK", _script(found, request.query, old=old))

    def render_tree(self, found: ResultList | Folder | None, request: Request) -> Reply:
        """What is in a folder. The old front end opens the first result of a task unlooked."""
        if isinstance(found, ResultList):
            return results.render_tree(found, request, never_empty=self._is_old(request))
        return files.render_tree(found, request)

    def _is_old(self, request: Request) -> bool:
        return generation_of(request.headers, self._generation) is Generation.OLD


def _script(found: FileContent, query: Mapping[str, str], *, old: bool) -> dict[str, object]:
    text, params = taken_apart(decoded(found.data, charset_of(query.get("charset", ""))))
    return {
        "metadata": params,
        "fileContent": text if old else [[text]],
        "params": params,
        "type": "1",
        "totalLine": text.count("\n") + 1,
        "page": 1,
        "totalPage": 1,
    }


def _as_old(data: dict[str, Any]) -> dict[str, object]:
    """The same page as the old front end reads it."""
    columns = [
        f"columnName:{column['columnName']},dataType:{column['dataType']},"
        f"comment:{column['comment']}"
        for column in data["metadata"]
    ]
    content = data["fileContent"]
    if data["type"] != results.TABLE:
        content = "\n".join(cell or "" for row in content for cell in row)
    return {**data, "metadata": columns, "fileContent": content}


def _nothing() -> dict[str, object]:
    """The empty text that stands for the results of a task that left none."""
    return {
        "metadata": [],
        "fileContent": "",
        "type": "1",
        "totalLine": 0,
        "page": 1,
        "totalPage": 0,
        "totalColumn": 0,
    }
