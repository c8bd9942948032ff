// The keys under which Redis keeps what the cache's interface speaks of, and the scripts (Lua, carried out by Redis as a
// whole) that do what no single command does. All keys begin with `windtunnel:`, so that others may use the Redis too.
//
//   windtunnel:v:KEY       a value: the length of its type in two bytes (larger first), the type, the value
//   windtunnel:c:KEY       a counter, in decimal digits
//   windtunnel:l:NAME      a lock that is held: a hash of `token` and `owner`, which ends with its time
//   windtunnel:tokens      the token that was given last
//   windtunnel:m:CHANNEL   a channel of messages

import Vocabulary
import Wire

/// Keys, patterns and scripts.
enum RedisKeys {
  static func value(_ key: ExactName) -> [UInt8] { Array("windtunnel:v:\(key.text)".utf8) }
  static func counter(_ key: ExactName) -> [UInt8] { Array("windtunnel:c:\(key.text)".utf8) }
  static func lock(_ name: ExactName) -> [UInt8] { Array("windtunnel:l:\(name.text)".utf8) }
  static let tokens = Array("windtunnel:tokens".utf8)
  static let channelPrefix = Array("windtunnel:m:".utf8)
  static func channel(_ name: ExactName) -> [UInt8] { channelPrefix + Array(name.text.utf8) }
  static func valuePattern(_ pattern: String) -> [UInt8] { Array("windtunnel:v:".utf8) + escaped(pattern) }
  static func channelPattern(_ pattern: String) -> [UInt8] { channelPrefix + escaped(pattern) }

  /// A pattern as Redis reads it, in which `*` alone means more than itself. Several in a row are one: Redis's matching is
  /// slow where there are many.
  static func escaped(_ pattern: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for byte in pattern.utf8 {
      switch byte {
      case UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "-"):
        bytes += [UInt8(ascii: "\\"), byte]
      case UInt8(ascii: "*") where bytes.last == UInt8(ascii: "*"): break
      case _: bytes.append(byte)
      }
    }
    return bytes
  }

  // MARK: values

  /// A value with its type; nil where the type is longer than two bytes can say.
  static func packed(_ value: [UInt8], type: String?) -> [UInt8]? {
    let type = Array((type ?? "").utf8)
    guard let length = UInt16(exactly: type.count) else { return nil }
    return [UInt8(length >> 8), UInt8(length & 255)] + type + value
  }

  /// A value and its type; nil of what is none of ours.
  static func unpacked(_ bytes: [UInt8]) -> (value: [UInt8], type: String?)? {
    guard bytes.count >= 2 else { return nil }
    let length = Int(bytes[0]) << 8 | Int(bytes[1])
    guard bytes.count >= 2 + length, let type = String(validating: bytes[2..<2 + length], as: UTF8.self) else { return nil }
    return (Array(bytes[(2 + length)...]), type.isEmpty ? nil : type)
  }
}

/// The scripts.
enum RedisScripts {
  /// A script with its keys and arguments, as a command.
  static func command(_ text: StaticString, keys: [[UInt8]], _ arguments: [[UInt8]]) -> [[UInt8]] {
    [Array("EVAL".utf8), text.withUTF8Buffer { Array($0) }, Array("\(keys.count)".utf8)] + keys + arguments
  }

  /// The value, and how long it has to live (-1 without end); nothing where there is none.
  static let get: StaticString = """
    local value = redis.call('GET', KEYS[1])
    if not value then return false end
    return {value, redis.call('PTTL', KEYS[1])}
    """

  /// Stores a value, with a time to live and a condition (NX, XX) or neither. 1 where there was one before, 0 where there
  /// was none, -1 where the condition does not hold.
  static let put: StaticString = """
    local before = redis.call('EXISTS', KEYS[1])
    local set = {'SET', KEYS[1], ARGV[1]}
    if ARGV[2] ~= '' then set[#set + 1] = 'PX' set[#set + 1] = ARGV[2] end
    if ARGV[3] ~= '' then set[#set + 1] = ARGV[3] end
    if not redis.call(unpack(set)) then return -1 end
    return before
    """

  /// Takes some of the keys away that a pattern matches: where to go on, and how many it were.
  static let sweep: StaticString = """
    local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)
    local removed = 0
    for _, key in ipairs(found[2]) do removed = removed + redis.call('UNLINK', key) end
    return {found[1], removed}
    """

  /// A step of a counter, whose first says how long it lives: whether it was done, and what the counter is at. The value is
  /// told as text: numbers of scripts have 53 bits.
  static let count: StaticString = """
    local before = redis.call('EXISTS', KEYS[1])
    local done = redis.pcall('INCRBY', KEYS[1], ARGV[1])
    if type(done) == 'table' and done.err then
      if string.find(done.err, 'overflow', 1, true) then return {0, redis.call('GET', KEYS[1])} end
      return done
    end
    if before == 0 and ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
    return {1, redis.call('GET', KEYS[1])}
    """

  /// Takes a lock: 1 and its token, or 0 and for how long somebody holds it.
  static let lock: StaticString = """
    local left = redis.call('PTTL', KEYS[1])
    if left ~= -2 then return {0, left} end
    local now = redis.call('TIME')
    local token = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now[1] * 1000000 + now[2])
    local text = string.format('%.0f', token)
    redis.call('SET', KEYS[2], text)
    redis.call('HSET', KEYS[1], 'token', text, 'owner', ARGV[1])
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return {1, text}
    """

  /// Holds a lock for longer: its owner; nothing where the token is not that of who holds it.
  static let renew: StaticString = """
    if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return false end
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return redis.call('HGET', KEYS[1], 'owner')
    """

  /// Gives a lock back: 1, or 0 where the token is not that of who holds it.
  static let unlock: StaticString = """
    if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
    return redis.call('DEL', KEYS[1])
    """

  /// Who holds a lock: token, owner, for how long still; nothing where nobody does.
  static let lockState: StaticString = """
    local token = redis.call('HGET', KEYS[1], 'token')
    if not token then return false end
    return {token, redis.call('HGET', KEYS[1], 'owner'), redis.call('PTTL', KEYS[1])}
    """
}
