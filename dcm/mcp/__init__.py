"""MCP over HTTP at /mcp: tools, resources and prompts for agent hosts.

Only `endpoint` is loaded with the server. All that needs the MCP SDK is in `server` and
`listening`, which the first request imports: the SDK takes half a second and some 45 MB.
"""
