"""The rows of the table below ``filesystem/``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from protocol.dialect import Route
from protocol.dialects.linkis import files, results_export
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.formate import parse_format, render_format
from protocol.dialects.linkis.generations import Generation
from protocol.dialects.linkis.open_file import OpenFileViews
from protocol.dialects.linkis.results import ResultViews

__all__ = ["filesystem_rows"]


def filesystem_rows(ids: ExecIds, generation: Generation) -> tuple[Route[Any], ...]:
    """What a web client and the SDKs ask for, of results and of files."""
    views, opened = ResultViews(ids), OpenFileViews(generation)
    rows: tuple[Route[Any], ...] = (
        Route("GET", "getUserRootPath", files.parse_root, files.render_root),
        Route("GET", "getDirFileTrees", files.parse_tree, opened.render_tree, slow=True),
        Route("GET", "openFile", opened.parse, opened.render, slow=True),
        Route("GET", "openLog", views.parse_log, views.render_log, slow=True),
        Route("GET", "resultsetToExcel", results_export.parse_one, results_export.render),
        Route("GET", "resultsetsToExcel", results_export.parse_all, results_export.render),
        Route("POST", "saveScript", files.parse_save, files.render_done),
        Route("GET", "isExist", files.parse_check, files.render_exists),
        Route("GET", "fileInfo", files.parse_check, files.render_info),
        Route("GET", "formate", parse_format, render_format, slow=True),
        Route("POST", "createNewDir", files.parse_new_folder, files.render_done),
        Route("POST", "createNewFile", files.parse_new_file, files.render_done),
        Route("POST", "rename", files.parse_rename, files.render_done),
        Route("POST", "deleteDirOrFile", files.parse_remove, files.render_done),
        Route("POST", "upload", files.parse_upload, files.render_done, streams=True),
        Route("GET", "download", files.parse_download, files.render_download),
        Route("POST", "download", files.parse_download, files.render_download),
    )
    return tuple(replace(row, template=f"/filesystem/{row.template}") for row in rows)
