import { type ListenOptions, Server } from 'node:net';

// For a server of others that would listen everywhere: with this it is heard on this machine only.
const listen = Server.prototype.listen;
Server.prototype.listen = function onLoopback(this: Server, ...args: unknown[]): Server {
  const [first] = args;
  const options: ListenOptions = typeof first === 'object' && first !== null ? { ...first } : {};
  if (typeof first === 'number') options.port = first;
  const told = args.find((arg): arg is () => void => typeof arg === 'function');
  return listen.call(this, { ...options, host: '127.0.0.1' }, told);
};
