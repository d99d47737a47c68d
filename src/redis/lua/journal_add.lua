-- Appends to the journal of purges.  KEYS: the stream.  ARGV: most entries, milliseconds for which it is kept, then fields and
-- values.  Gives the entry's id.
local fields = {}
for i = 3, #ARGV do
    fields[i - 2] = ARGV[i]
end
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then
    redis.call('UNLINK', KEYS[1])
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(fields))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return id
