// Calls every method of the original's REST client, with the requests it makes, and prints what comes back.
//
//   node rest_sdk.mjs <url>
//
// Each attempt has 5 s; any failure is tried twice more, after 100 and 200 ms. Contract: hooks 5.
const [apiUrl] = process.argv.slice(2);
const attempts = {};
let method;

async function request(verb, path, body) {
  for (let attempt = 0; ; attempt++) {
    attempts[method] = attempt + 1;
    try {
      const response = await fetch(`${apiUrl}${path}`, {
        method: verb,
        headers: { 'Content-Type': 'application/json', Authorization: 'Bearer some-token' },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(5000),
      });
      const json = await response.json();
      if (!response.ok) throw new Error(`${verb} ${path}: ${response.status} ${JSON.stringify(json)}`);
      return json;
    } catch (error) {
      if (attempt === 2) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * (attempt + 1)));
    }
  }
}

const query = (given) => `?${new URLSearchParams(given)}`;
const sdk = {
  health: () => request('GET', '/health'),
  recordAction: (action) => request('POST', '/api/actions', action),
  getActions: (given) => request('GET', `/api/actions${query(given)}`),
  suggestTool: (keywords, given = {}) =>
    request('GET', `/api/routing/suggest${query({ keywords: keywords.join(','), ...given })}`),
  routingFeedback: (tool_name, keywords, chosen) =>
    request('POST', '/api/routing/feedback', { tool_name, keywords, chosen }),
  createProject: (path, name) => request('POST', '/api/projects', { path, name }),
  getProjectByPath: (path) => request('GET', `/api/projects/by-path${query({ path })}`),
  createSession: (session) => request('POST', '/api/sessions', session),
  getSession: (id) => request('GET', `/api/sessions/${id}`),
  endSession: (id) => request('PATCH', `/api/sessions/${id}`, { ended_at: new Date().toISOString() }),
  createRequest: (session_id, prompt, project_id) =>
    request('POST', '/api/requests', { session_id, prompt, project_id }),
  createTask: (request_id, name) => request('POST', '/api/tasks', { request_id, name }),
  updateTask: (id, changes) => request('PATCH', `/api/tasks/${id}`, changes),
  createSubtask: (subtask) => request('POST', '/api/subtasks', subtask),
  updateSubtask: (id, changes) => request('PATCH', `/api/subtasks/${id}`, changes),
  getSubtasks: (given) => request('GET', `/api/subtasks${query(given)}`),
  sendMessage: (message) => request('POST', '/api/messages', message),
  getMessages: (agent, given = {}) => request('GET', `/api/messages/${agent}${query(given)}`),
  subscribe: (agent_id, topic) => request('POST', '/api/subscribe', { agent_id, topic }),
  unsubscribe: (agent_id, topic) => request('POST', '/api/unsubscribe', { agent_id, topic }),
  blockAgent: (blocker_agent_id, blocked_agent_id, reason) =>
    request('POST', '/api/blocking', { blocker_agent_id, blocked_agent_id, reason }),
  unblockAgent: (blocker_agent_id, blocked_agent_id) =>
    request('POST', '/api/unblock', { blocker_agent_id, blocked_agent_id }),
  isBlocked: (agent_id) => request('GET', `/api/blocking/check${query({ agent_id })}`),
  getContext: (agent, given) => request('GET', `/api/context/${agent}${query(given)}`),
  restoreAfterCompact: (session_id, agent_id, compact_summary) =>
    request('POST', '/api/compact/restore', { session_id, agent_id, compact_summary }),
  getToken: (agent_id, session_id) => request('POST', '/api/auth/token', { agent_id, session_id }),
  getHierarchy: (id) => request('GET', `/api/hierarchy/${id}`),
};

const seen = {};
async function call(name, ...given) {
  method = name;
  seen[name] = await sdk[name](...given).catch((error) => ({ thrown: error.message }));
  return seen[name];
}

await call('health');
const { project } = await call('createProject', '/srv/shop', 'Shop');
await call('getProjectByPath', '/srv/shop');
await call('createSession', { session_id: 'run-1', project_id: project.id, cwd: '/srv/shop', model: 'any' });
await call('getSession', 'run-1');
const made = await call('createRequest', 'run-1', 'Add a login form', project.id);
const { task } = await call('createTask', made.request.id, 'Backend');
const { subtask } = await call('createSubtask', {
  task_id: task.id,
  agent_type: 'backend',
  agent_id: 'backend-1',
  description: 'Write the view',
  status: 'running',
});
await call('recordAction', {
  tool_name: 'Edit',
  tool_type: 'builtin',
  input: 'login view',
  subtask_id: subtask.id,
  session_id: 'run-1',
});
await call('getActions', { tool_name: 'Edit', tool_type: 'builtin', limit: '10', offset: '0' });
await call('suggestTool', ['login'], { limit: '5', min_score: '0.1', tool_type: 'builtin' });
await call('routingFeedback', 'Edit', ['login'], true);
await call('subscribe', 'backend-1', 'task.created');
await call('sendMessage', {
  from_agent_id: 'lead',
  to_agent_id: 'backend-1',
  topic: 'task.created',
  payload: { path: 'login.py' },
  priority: 5,
  ttl_ms: 60000,
});
await call('getMessages', 'backend-1', { topic: 'task.created', since: '2020-01-01T00:00:00Z' });
await call('unsubscribe', 'backend-1', 'task.created');
await call('blockAgent', 'lead', 'backend-1', 'schema first');
await call('isBlocked', 'backend-1');
await call('unblockAgent', 'lead', 'backend-1');
await call('getContext', 'backend-1', { session_id: 'run-1', format: 'brief', max_tokens: '1000' });
await call('restoreAfterCompact', 'run-1', 'backend-1', 'We were at the view');
await call('getToken', 'backend-1', 'run-1');
await call('updateSubtask', subtask.id, { status: 'completed', result: { files: ['login.py'] } });
await call('getSubtasks', { task_id: task.id, status: 'completed', agent_type: 'backend' });
await call('updateTask', task.id, { status: 'completed', completed_at: new Date().toISOString() });
await call('endSession', 'run-1');
await call('getHierarchy', project.id);
process.stdout.write(JSON.stringify({ seen, attempts, methods: Object.keys(sdk) }));
