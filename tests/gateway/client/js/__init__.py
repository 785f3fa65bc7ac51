"""The JavaScript client, run by Node.js against real gateways."""
