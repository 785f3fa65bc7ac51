"""The gateway: listens, decides who may, queues, runs, remembers and answers."""
