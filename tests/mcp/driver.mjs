// Plays one short run with a published MCP client, and prints as JSON what the client made of it.
//
//   node driver.mjs <folder with node_modules> first|second legacy|auto <url> | <command> <argument>…
import { createRequire } from 'node:module';

const [folder, generation, mode, target, ...args] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const [main, http, stdio] = {
  first: ['sdk/client/index.js', 'sdk/client/streamableHttp.js', 'sdk/client/stdio.js'],
  second: ['client', 'client', 'client/stdio'],
}[generation].map((name) => `@modelcontextprotocol/${name}`);
const { Client } = require(main);

const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
const transport = target.startsWith('http')
  ? new (require(http).StreamableHTTPClientTransport)(new URL(target))
  : new (require(stdio).StdioClientTransport)({ command: target, args, env: process.env });
await client.connect(transport);

const call = (name, given) => client.callTool({ name, arguments: given });
const text = (result) => result.content[0].text;

const seen = { server: client.getServerVersion().name, instructions: client.getInstructions() };
seen.tools = (await client.listTools()).tools.map((tool) => tool.name);
const { resources } = await client.listResources();
seen.resources = resources.map((resource) => resource.uri);
const updates = [];
if (mode === 'auto') {
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    updates.push(params.uri);
  });
  const subscription = await client.listen({ resourceSubscriptions: seen.resources });
  await call('share', { key: 'build', value: 'wasm' });
  for (let left = 100; left && !updates.length; left--)
    await new Promise((resolve) => setTimeout(resolve, 50));
  await subscription.close();
} else await call('share', { key: 'build', value: 'wasm' });
seen.updates = updates;
seen.recalled = JSON.parse(text(await call('recall', { key: 'build' }))).value;
seen.refused = await call('recall', { key: 'none' });
seen.invalid = await call('send', { message: 7 });
const context = await client.readResource({ uri: seen.resources.at(-2) });
seen.context = JSON.parse(context.contents[0].text).entries.map((entry) => entry.key);
seen.prompts = (await client.listPrompts()).prompts.map((prompt) => prompt.name);
const prompt = await client.getPrompt({ name: 'after_compaction', arguments: {} });
seen.prompt = prompt.messages[0].content.text;
await client.close();
process.stdout.write(JSON.stringify(seen));
process.exit(0);
