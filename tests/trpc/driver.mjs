// Lets a test drive the published tRPC client: one JSON request a line in, one JSON report a line out.
//
//   node driver.mjs <folder with node_modules> <url> [<connection parameters as JSON>]
//
// in:  {n, call: "query" | "mutation" | "subscription", path, input?} | {n, call: "stop", subscription}
// out: {n, data} | {n, error} | {n, event: "started" | "data" | "error" | "complete", data?}
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, url, connectionParams] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { createTRPCUntypedClient, createWSClient, wsLink } = require('@trpc/client');

const socket = createWSClient({
  url,
  WebSocket: require('ws'),
  connectionParams: connectionParams && JSON.parse(connectionParams),
});
const client = createTRPCUntypedClient({ links: [wsLink({ client: socket })] });
const running = new Map();

const report = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const shown = (error) => ({ name: error.name, message: error.message, data: error.data });

function subscribe({ n, path, input }) {
  const on = (event) => (data) => report({ n, event, data });
  const subscription = client.subscription(path, input, {
    onStarted: () => report({ n, event: 'started' }),
    onData: on('data'),
    onError: (error) => report({ n, event: 'error', data: shown(error) }),
    onComplete: () => report({ n, event: 'complete' }),
  });
  running.set(n, subscription);
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const asked = JSON.parse(line);
    if (asked.call === 'subscription') subscribe(asked);
    else if (asked.call === 'stop') running.get(asked.subscription).unsubscribe();
    else
      client[asked.call](asked.path, asked.input).then(
        (data) => report({ n: asked.n, data: data === undefined ? 'undefined' : data }),
        (error) => report({ n: asked.n, error: shown(error) }),
      );
  })
  .on('close', () => process.exit(0));
