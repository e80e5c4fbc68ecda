// Says what it was told, and goes on waiting.
process.on("message", (message) => process.send(message));
