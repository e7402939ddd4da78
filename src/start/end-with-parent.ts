// Loaded before a simulator: its standard input is a pipe that closes when Bursar is gone,
// however it went. A simulator left behind would keep its port from the next start.
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
process.stdin.resume();
