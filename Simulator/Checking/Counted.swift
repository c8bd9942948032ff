// Numbers of things in words.

/// "1 breach", "3 breaches"; `many` where it is not `one` with an s behind it.
public func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String { "\(count) \(noun(count, one, many))" }

/// "breach" of one, "breaches" of any other number.
public func noun(_ count: Int, _ one: String, _ many: String? = nil) -> String { count == 1 ? one : many ?? "\(one)s" }
