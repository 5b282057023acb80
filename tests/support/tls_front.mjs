// TLS in front of a plain HTTP server on loopback, as a gateway is: HTTP/2 to whom asks for it, else HTTP/1.1.
//   node tls_front.mjs KEY CERTIFICATE TARGET_PORT
// Prints "port N", then "request VERSION CONNECTION" for each request; SIGUSR2 cuts all connections, SIGWINCH
// leaves them open and says nothing on them any more.
import {readFileSync} from "node:fs";
import {request} from "node:http";
import {createSecureServer} from "node:http2";

const [key, cert, port] = process.argv.slice(2);
const kOwn = ["connection", "transfer-encoding", "keep-alive"];  // of one connection, not to be passed on
const numbers = new Map();
let silentUpTo = 0;  // connections with such a number get no word any more

const fields = (headers) => Object.fromEntries(
  Object.entries(headers).filter(([name]) => !name.startsWith(":") && !kOwn.includes(name)));

const server = createSecureServer({key: readFileSync(key), cert: readFileSync(cert), allowHTTP1: true});

server.on("secureConnection", (socket) => {
  numbers.set(socket, numbers.size + 1);
});
server.on("request", (asked, answer) => {
  const socket = asked.stream ? asked.stream.session.socket : asked.socket;
  const number = [...numbers].find(([one]) => one.remotePort === socket.remotePort)[1];
  console.log(`request ${asked.httpVersion} ${number}`);
  if (number <= silentUpTo) return;
  const passed = request({port, method: asked.method, path: asked.url, headers: fields(asked.headers)}, (reply) => {
    if (number <= silentUpTo) return;
    answer.writeHead(reply.statusCode, fields(reply.headers));
    reply.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  asked.on("error", () => passed.destroy());
  asked.pipe(passed);
});
process.on("SIGUSR2", () => {
  for (const socket of numbers.keys()) socket.destroy();
});
process.on("SIGWINCH", () => {
  silentUpTo = numbers.size;
});
server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
