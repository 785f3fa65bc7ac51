-- The prefixes of the families, in the order of TASK_KEYS in keys.py. What follows the prefix is
-- said there. All keys of a node live in one Redis, so that a script may derive keys from them.
local TASK, NUMBERED, NAME, TASKS, OWNED, EXPIRY = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local WAITING, RUNNING, FAIR, VIRTUAL, RESERVED = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local READY, EPOCH, NUMBER = KEYS[12], KEYS[13], KEYS[14]
local LOG, LOG_MARK, LOG_SIZES, DELIVERY, LEASE = KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local PARTIAL = KEYS[20]
