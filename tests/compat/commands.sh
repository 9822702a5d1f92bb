# What a reader of the original's README types, one command after the other: bash commands.sh <url>
#
# Prints a line for each: its name, a blank, the reply.
set -eu
dcm=$1

run() {  # run <name> <what curl is given>
  reply=$(curl -s "${@:2}")
  echo "$1 $reply"
}
id() {  # the first id in the last reply, which is that of the row made
  sed -E 's/^[^{]*\{.*"(project|request|task)":\{"id":"([^"]+)".*/\2/' <<< "$reply"
}
json=(-H 'Content-Type: application/json')

run health "$dcm/health"
run project -X POST "$dcm/api/projects" "${json[@]}" -d '{"path": "/srv/shop", "name": "Shop"}'
project=$(id)
run request -X POST "$dcm/api/requests" "${json[@]}" -d @- << BODY
{"project_id": "$project", "session_id": "run-1", "prompt": "Add a form", "prompt_type": "feature"}
BODY
request=$(id)
run task -X POST "$dcm/api/tasks" "${json[@]}" -d @- << BODY
{"request_id": "$request", "name": "Backend", "wave_number": 0}
BODY
task=$(id)
run subtask "$dcm/api/subtasks" -d @- << BODY
{"task_id": "$task", "agent_type": "backend-laravel", "agent_id": "backend-1",
 "description": "Write the view", "status": "running"}
BODY
run action -X POST "$dcm/api/actions" "${json[@]}" -d '{
  "tool_name": "Read", "tool_type": "builtin", "input": "src/login.ts", "exit_code": 0,
  "session_id": "run-1", "project_path": "/srv/shop"}'
run suggested "$dcm/api/routing/suggest?keywords=login,form"
run message -X POST "$dcm/api/messages" "${json[@]}" -d '{
  "from_agent": "lead", "to_agent": "backend-1", "topic": "task.created",
  "content": {"path": "login.ts"}, "priority": 5}'
run inbox "$dcm/api/messages/backend-1"
run blocking "$dcm/api/blocking" -d '{
  "blocked_by": "lead", "blocked_agent": "backend-1", "reason": "schema first"}'
run context "$dcm/api/context/backend-1?session_id=run-1&format=brief"
run token -X POST "$dcm/api/auth/token" -d '{"agent_id": "backend-1"}'
run restored "$dcm/api/compact/restore" -d '{
  "session_id": "run-1", "agent_id": "backend-1", "compact_summary": "We were at the view"}'
run hierarchy "$dcm/api/hierarchy/$project"
