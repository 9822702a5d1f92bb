"""The tools, resources and prompts as the MCP SDK wants them. Needs the SDK, see `dcm.mcp`."""

from typing import Any

from django.conf import settings
from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)

from dcm import __version__
from dcm.lib.errors import DatabaseUnavailable, DomainError
from dcm.lib.handler import in_time
from dcm.lib.threads import in_thread
from dcm.mcp import resources
from dcm.mcp.caller import Caller
from dcm.mcp.listening import Context, listen, scope_of
from dcm.mcp.prompts import PROMPTS
from dcm.mcp.tool import sentence
from dcm.mcp.toolsets import tools_named

Page = PaginatedRequestParams | None

INSTRUCTIONS = (
    "Other agents on this work read what you share here; what they tell you waits in your inbox."
    " Call brief when you begin and after a compaction; look into inbox between steps."
)


def new_manager() -> StreamableHTTPSessionManager:
    """Stateless: any process answers any request. It runs once; after that make another."""
    return StreamableHTTPSessionManager(
        _server(),
        json_response=True,
        stateless=True,
        max_request_body_size=settings.MAX_BODY_BYTES,
    )


def _server() -> Server[Any]:
    return Server(
        "dcm",
        version=__version__,
        title="Distributed Context Manager",
        instructions=INSTRUCTIONS,
        # None of our schemas declares headers, so none has to be looked up for a call.
        get_tool_input_schema=lambda name: None,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_resource_templates,
        on_read_resource=_read_resource,
        on_subscriptions_listen=listen,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
    )


def _caller(ctx: Context) -> Caller:
    caller: Caller = scope_of(ctx)["dcm.caller"]
    return caller


async def _list_tools(ctx: Context, params: Page) -> ListToolsResult:
    shown = [
        Tool(
            name=tool.name,
            description=tool.description,
            input_schema=tool.schema,
            annotations=ToolAnnotations(read_only_hint=True) if tool.reads else None,
        )
        for tool in tools_named(_caller(ctx).tools).values()
    ]
    return ListToolsResult(tools=shown)


async def _call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
    caller = _caller(ctx)
    tool = tools_named(caller.tools).get(params.name)
    if tool is None:
        return _result("There is no such tool here; tools/list names them", failed=True)
    try:
        outcome = await in_time(in_thread(tool.call, caller, params.arguments or {}))
    except DatabaseUnavailable as error:
        return _result(error.text, failed=True)
    return _result(outcome.text, failed=outcome.failed)


def _result(text: str, *, failed: bool) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=failed)


async def _list_resources(ctx: Context, params: Page) -> ListResourcesResult:
    shown = [
        Resource(uri=address, name=kind.name, description=kind.title, mime_type=kind.mime_type)
        for kind, address in resources.own_resources(_caller(ctx))
    ]
    return ListResourcesResult(resources=shown)


async def _list_resource_templates(ctx: Context, params: Page) -> ListResourceTemplatesResult:
    shown = [
        ResourceTemplate(
            uri_template=kind.template,
            name=kind.name,
            description=kind.title,
            mime_type=kind.mime_type,
        )
        for kind in resources.KINDS
    ]
    return ListResourceTemplatesResult(resource_templates=shown)


async def _read_resource(ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    try:
        found = resources.Resource.at(params.uri, _caller(ctx))
        text = await in_time(in_thread(found.read))
    except Exception as error:  # noqa: BLE001  every error is told to the host
        raise _told(error, failure="Failed to read resource") from None
    mime_type = found.kind.mime_type
    contents = TextResourceContents(uri=params.uri, mime_type=mime_type, text=text)
    return ReadResourceResult(contents=[contents])


async def _list_prompts(ctx: Context, params: Page) -> ListPromptsResult:
    shown = [
        Prompt(
            name=prompt.name,
            description=prompt.description,
            arguments=[
                PromptArgument(name=name, description=meaning, required=False)
                for name, meaning in prompt.described()
            ],
        )
        for prompt in PROMPTS.values()
    ]
    return ListPromptsResult(prompts=shown)


async def _get_prompt(ctx: Context, params: GetPromptRequestParams) -> GetPromptResult:
    prompt = PROMPTS.get(params.name)
    if prompt is None:
        raise MCPError(INVALID_PARAMS, "No such prompt")
    try:
        text = await in_time(in_thread(prompt.text, _caller(ctx), params.arguments or {}))
    except Exception as error:  # noqa: BLE001  every error is told to the host
        raise _told(error, failure="Failed to write prompt") from None
    message = PromptMessage(role="user", content=TextContent(type="text", text=text))
    return GetPromptResult(description=prompt.description, messages=[message])


def _told(error: Exception, *, failure: str) -> MCPError:
    refused = isinstance(error, DomainError) and error.status < 500
    return MCPError(INVALID_PARAMS if refused else INTERNAL_ERROR, sentence(error, failure=failure))
