"""What Narthex is for, as programs that run: read the files in the order of their numbers.

Each test is one thing that a client does, written out with nothing but HTTP or a websocket. They
are part of the suite, so what they show is true.
"""
