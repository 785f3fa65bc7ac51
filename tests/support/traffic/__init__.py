"""What goes over the wires of the gateways of tests, kept to be held against the API documents."""
