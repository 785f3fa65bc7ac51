"""Who is asking and whether they may: tokens, identity, the guard, origins and throttling."""
