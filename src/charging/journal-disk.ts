import { constants } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  unlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The folder of the journal. Every failure is an exception of the file system. */
export interface Disk {
  list(): Promise<string[]>;
  read(name: string): Promise<Buffer>;
  /** A new file, whose name survives a power cut. */
  create(name: string): Promise<AppendFile>;
  /** Takes a file away from whoever has it. False if it is not there any more. */
  take(name: string, newName: string): Promise<boolean>;
  remove(name: string): Promise<void>;
}

export interface AppendFile {
  /** All of it, or an exception after any part of it. */
  append(bytes: Buffer): Promise<void>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Whether it still has the name it was created with. */
  named(): Promise<boolean>;
  close(): Promise<void>;
}

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants;
// Ids and amounts of customers: for the account that runs this, and nobody else.
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export async function localDisk(folder: string): Promise<Disk> {
  const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (made !== undefined) await syncFolder(dirname(made));
  const path = (name: string): string => join(folder, name);
  return {
    list: () => readdir(folder),
    read: (name) => readFile(path(name)),
    async create(name) {
      const handle = await open(path(name), O_WRONLY | O_APPEND | O_CREAT | O_EXCL, FILE_MODE);
      try {
        await syncFolder(folder);
        return await appendFile(handle, path(name));
      } catch (error) {
        await handle.close();
        throw error;
      }
    },
    take: (name, newName) => found(rename(path(name), path(newName))),
    async remove(name) {
      await found(unlink(path(name)));
    },
  };
}

async function appendFile(handle: FileHandle, path: string): Promise<AppendFile> {
  const { ino } = await handle.stat();
  return {
    async append(bytes) {
      for (let at = 0; at < bytes.length; ) {
        at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
      }
    },
    sync: () => handle.sync(),
    async truncate(length) {
      await handle.truncate(length);
      await handle.sync();
    },
    named: () =>
      stat(path).then(
        (now) => now.ino === ino,
        () => false,
      ),
    close: () => handle.close(),
  };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** False where there was nothing of that name. */
async function found(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
