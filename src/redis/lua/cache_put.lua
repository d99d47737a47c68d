-- Makes a stored response visible, all of it at once, whatever stood there before (of any type).
-- KEYS: the response's hash.  ARGV: milliseconds to live, key, meta, head, body.
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'key', ARGV[2], 'meta', ARGV[3], 'head', ARGV[4], 'body', ARGV[5])
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
