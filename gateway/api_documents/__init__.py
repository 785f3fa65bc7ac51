"""What the gateway says of its own wire: OpenAPI for the routes, AsyncAPI for the websocket."""
