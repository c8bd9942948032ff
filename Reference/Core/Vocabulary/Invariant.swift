// Invariants: what must be so wherever two rooms meet, and wherever a state machine changes its state, if the code is
// right. They are on in release builds too. One that is broken ends the process: a machine that is wrong about itself
// must not answer, nor write, any more. In the tunnel that is a finding, with the node, the moment and the event (each
// flight has a process of its own beside it); live it is a crash of the process, from which its disk recovers.
//
// Not for what comes from outside: that is refused with an error.

/// Ends the process with `message` where `condition` does not hold.
@inlinable @inline(__always)
public func invariant(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { breakInvariant(message(), file, line) }
}

/// Ends the process with `message`: what was reached cannot be reached if the code is right.
@inline(never)
public func breakInvariant(_ message: String, _ file: StaticString = #fileID, _ line: UInt = #line) -> Never {
  fatalError("invariant broken: \(message)", file: file, line: line)
}
