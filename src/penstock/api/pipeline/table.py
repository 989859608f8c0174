"""Every call of the pipeline face: the one list that routing, authorization, OpenAPI and the docs are made from."""

from __future__ import annotations

from typing import Any

from penstock.api.pipeline import data, exports, repos
from penstock.api.pipeline.bodies import CreateExport, CreateRepo, Empty, UpdateExport, UpdateRepo
from penstock.api.routes import Route
from penstock.auth.authorize import Action

REPO = "/v2/repos/{repo}"
EXPORT = "/v2/repos/{repo}/exports/{export}"
TAGS = ("tags", "URL-safe base64 of k=v<TAB>k2=v2: fields for every record, over the record's own")
RULES = ("rules", "names of parse rules, comma separated")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v2/repos", Action.REPO_READ, repos.list_all, "List message queues (查看所有消息队列)",
          reply=repos.RepoList,
          query=(("withDag", "taken and ignored: queues of workflows are always listed"),
                 ("sourceType", "`authorized` lists what other owners have granted instead"))),
    Route("POST", REPO, Action.REPO_WRITE, repos.create, "Create a message queue (创建消息队列)",
          body=CreateRepo, needs=("region", "schema"), reply=Empty),
    Route("PUT", REPO, Action.REPO_WRITE, repos.update, "Change a message queue (根据名称更新消息队列)",
          body=UpdateRepo, needs=("schema",), reply=Empty),
    Route("GET", REPO, Action.REPO_READ, repos.get, "Show a message queue (根据名称查询消息队列)",
          reply=repos.RepoReply),
    Route("DELETE", REPO, Action.REPO_WRITE, repos.delete, "Delete a message queue (根据名称删除消息队列)",
          reply=Empty),
    Route("GET", f"{REPO}/exists", Action.REPO_READ, repos.exists, "Does a message queue exist?",
          reply=repos.Exist),
    Route("POST", f"{REPO}/data", Action.DATA_POST, data.post_points, "Post records (打点)",
          reply=data.Accepted, query=(TAGS,), data=True),
    Route("GET", f"{REPO}/data", Action.DATA_READ, data.sample, "Newest records", reply=dict[str, Any],
          query=(("count", "how many, at most limits.sample_records"),)),
    Route("POST", "/v2/streams/{repo}/data", Action.DATA_POST, data.post_lines, "Post text lines",
          reply=Empty, query=(TAGS, RULES), data=True),
    Route("POST", "/v2/stream/{repo}/data", Action.DATA_POST, data.post_raw, "Post raw text",
          reply=data.RawReply, query=(TAGS, RULES), data=True),
    Route("GET", f"{REPO}/exports", Action.EXPORT_READ, exports.list_all, "List exports (查看所有流式导出任务)",
          reply=exports.ExportList),
    Route("POST", EXPORT, Action.EXPORT_WRITE, exports.create, "Create an export (流式导出数据)",
          body=CreateExport, reply=Empty),
    Route("PUT", EXPORT, Action.EXPORT_WRITE, exports.update, "Change an export's spec (更新流式导出任务)",
          body=UpdateExport, reply=Empty),
    Route("GET", EXPORT, Action.EXPORT_READ, exports.get, "Show an export (根据名称查看流式导出任务)",
          reply=exports.ExportReply),
    Route("DELETE", EXPORT, Action.EXPORT_WRITE, exports.delete, "Delete an export (根据名称删除流式导出任务)",
          reply=Empty),
    Route("GET", f"{EXPORT}/exists", Action.EXPORT_READ, exports.exists, "Does an export exist?",
          reply=repos.Exist),
    Route("GET", f"{EXPORT}/status", Action.EXPORT_READ, exports.status, "What an export is doing",
          reply=exports.StatusReply),
    Route("POST", f"{EXPORT}/actions/pause", Action.FLOW_CONTROL, exports.pause, "Pause an export", reply=Empty),
    Route("POST", f"{EXPORT}/actions/resume", Action.FLOW_CONTROL, exports.resume, "Resume an export", reply=Empty),
)  # fmt: skip
