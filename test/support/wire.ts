import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The way to a server, which can be cut and mended as that of a network can. */
export interface Wire {
  /** The server's address by way of this wire. */
  readonly url: string;
  /** Every connection breaks, and no new one is made. */
  cut(): void;
  /** Connections stand, and nothing passes: as towards a machine that has stopped. */
  silence(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function openWire(serverUrl: string): Promise<Wire> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';

  const server = createServer((near) => {
    if (state === 'cut') return void near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      if (state === 'silent') from.unpipe();
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    pairs.set(near, far).set(far, near);
  });
  const pairs = new WeakMap<Socket, Socket>();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  const url = new URL(serverUrl);
  url.hostname = '127.0.0.1';
  url.port = String(typeof address === 'object' && address !== null ? address.port : 0);

  function cut(): void {
    state = 'cut';
    for (const socket of sockets) socket.destroy();
  }
  return {
    url: url.href,
    cut,
    silence() {
      state = 'silent';
      for (const socket of sockets) socket.unpipe();
    },
    mend() {
      if (state === 'silent') {
        for (const socket of sockets) {
          const other = pairs.get(socket);
          if (other !== undefined) socket.pipe(other);
        }
      }
      state = 'whole';
    },
    close() {
      cut();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
