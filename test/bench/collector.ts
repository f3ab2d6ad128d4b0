/** A collector of the bench, in a process of its own: takes spans by OTLP over HTTP and forgets them. Says its URL. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((req, res) => {
  req.resume().on('end', () => res.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
server.listen(0, '127.0.0.1', () => console.log(`url http://127.0.0.1:${(server.address() as AddressInfo).port}`));
