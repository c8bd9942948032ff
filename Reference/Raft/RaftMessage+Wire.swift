// Raft's messages as bytes. The format is on the page RaftMessage.md.

import Wire

extension RaftMessage {
  private enum Kind: UInt8 {
    case preVoteRequest = 1
    case preVoteGranted, preVoteRefused, voteRequest, voteRequestOfTransfer, voteGranted, voteRefused, append, matched,
      rejected, snapshot, timeoutNow
  }

  /// Writes the message.
  public func write(to writer: inout ByteWriter) {
    func kind(_ kind: Kind, _ writer: inout ByteWriter) {
      writer.byte(kind.rawValue)
      writer.varint(term.value)
    }
    switch body {
    case .preVoteRequest(let last):
      kind(.preVoteRequest, &writer)
      last.write(to: &writer)
    case .preVoteResponse(let isGranted): kind(isGranted ? .preVoteGranted : .preVoteRefused, &writer)
    case .voteRequest(let last, let isTransfer):
      kind(isTransfer ? .voteRequestOfTransfer : .voteRequest, &writer)
      last.write(to: &writer)
    case .voteResponse(let isGranted): kind(isGranted ? .voteGranted : .voteRefused, &writer)
    case .append(let append):
      kind(.append, &writer)
      append.previous.write(to: &writer)
      writer.varint(append.commit.value)
      writer.varint(append.round)
      writer.count(append.entries.count)
      for entry in append.entries { entry.write(to: &writer) }
    case .appendResponse(let response):
      switch response.outcome {
      case .matched(let index):
        kind(.matched, &writer)
        writer.varint(response.round)
        writer.varint(index.value)
      case .rejected(let previous, let hint):
        kind(.rejected, &writer)
        writer.varint(response.round)
        writer.varint(previous.value)
        hint.write(to: &writer)
      }
    case .snapshot(let snapshot, let round):
      kind(.snapshot, &writer)
      writer.varint(round)
      snapshot.write(to: &writer)
    case .timeoutNow: kind(.timeoutNow, &writer)
    }
  }

  /// Reads a message. Bytes that are none throw, and nothing is taken of them.
  public init(from reader: inout ByteReader) throws(ByteError) {
    let offset = reader.position
    let number = try reader.byte()
    guard let kind = Kind(rawValue: number) else {
      throw ByteError(offset: offset, expected: "a kind of message from 1 to 12", found: "\(number)")
    }
    term = Term(try reader.varint())
    guard term < .limit else { throw ByteError(offset: offset, expected: "a term below \(Term.limit.value)", found: "\(term.value)") }
    switch kind {
    case .preVoteRequest: body = .preVoteRequest(last: try LogPosition(from: &reader))
    case .preVoteGranted: body = .preVoteResponse(isGranted: true)
    case .preVoteRefused: body = .preVoteResponse(isGranted: false)
    case .voteRequest: body = .voteRequest(last: try LogPosition(from: &reader), isTransfer: false)
    case .voteRequestOfTransfer: body = .voteRequest(last: try LogPosition(from: &reader), isTransfer: true)
    case .voteGranted: body = .voteResponse(isGranted: true)
    case .voteRefused: body = .voteResponse(isGranted: false)
    case .append:
      let previous = try LogPosition(from: &reader)
      let commit = LogIndex(try reader.varint())
      let round = try reader.varint()
      var entries: [LogEntry] = []
      let count = try reader.count(minimumBytesEach: 3)
      entries.reserveCapacity(count)
      for _ in 0..<count { entries.append(try LogEntry(from: &reader)) }
      try Self.checkTerms(of: entries, behind: previous, in: term, at: offset)
      body = .append(Append(previous: previous, entries: entries, commit: commit, round: round))
    case .matched:
      let round = try reader.varint()
      body = .appendResponse(AppendResponse(.matched(LogIndex(try reader.varint())), round: round))
    case .rejected:
      let round = try reader.varint()
      let previous = LogIndex(try reader.varint())
      body = .appendResponse(AppendResponse(.rejected(previous: previous, hint: try LogPosition(from: &reader)), round: round))
    case .snapshot:
      let round = try reader.varint()
      body = .snapshot(try Snapshot(from: &reader), round: round)
    case .timeoutNow: body = .timeoutNow
    }
  }

  /// Terms never fall along a log, and none is later than its leader's.
  private static func checkTerms(of entries: [LogEntry], behind previous: LogPosition, in term: Term, at offset: Int) throws(ByteError) {
    var last = previous.term
    for entry in entries {
      guard entry.term >= last, entry.term <= term else {
        throw ByteError(offset: offset, expected: "an entry of a term from \(last.value) to \(term.value)", found: "\(entry.term)")
      }
      last = entry.term
    }
  }
}
